// The state of a run, followed by server-sent events. Hidden pages close their streams: a browser opens at most six connections.

import { address, get } from "./api.js";
import { tell } from "./dom.js";

export class Follower {
  // changed: called after each event, at most once for each frame of the screen.
  constructor(name, changed) {
    Object.assign(this, { name, changed, facts: null, snapshot: null, waiting: false, closed: false });
    this.hide = () => this.rest(document.hidden);
    document.addEventListener("visibilitychange", this.hide);
    this.listen();
  }

  get path() { return `runs/${encodeURIComponent(this.name)}`; }

  listen() { // the event stream starts with the whole history
    Object.assign(this, { history: [], previews: [], ended: false });
    this.source = new EventSource(address(`${this.path}/events`));
    const on = (name, read) => this.source.addEventListener(name, (event) => { read(JSON.parse(event.data)); this.soon(); });
    on("history", (lines) => this.history.push(...lines));
    on("previews", (counts) => this.previews.push(...counts));
    on("again", () => Object.assign(this, { history: [], previews: [] }));
    on("facts", (facts) => {
      this.facts = facts;
      if (["training", "ending"].includes(facts.phase)) this.look();
    });
    on("end", ({ problem }) => {
      this.ended = true;
      this.source.close();
      if (problem) tell(problem);
    });
    this.source.onerror = () => {
      if (this.source.readyState === EventSource.CLOSED) this.lookOnce();
      else Object.assign(this, { history: [], previews: [] }); // the browser reconnects, and the stream starts again
    };
  }

  look() { // snapshots of the training itself
    if (this.lab || !this.wantsSnapshots) return;
    this.lab = new EventSource(address(`${this.path}/lab`));
    this.lab.addEventListener("snapshot", (event) => {
      this.snapshot = JSON.parse(event.data);
      this.onSnapshot?.(this.snapshot);
      this.soon();
    });
    this.lab.addEventListener("end", (event) => {
      const { problem } = JSON.parse(event.data);
      if (problem) tell(problem);
      this.lookAway();
    });
    this.lab.onerror = () => {
      if (this.lab?.readyState !== EventSource.CLOSED) return; // the browser reconnects
      this.lab = null; // refused: the next facts try again
    };
  }

  lookAway() {
    this.lab?.close();
    this.lab = null;
  }

  async lookOnce() { // the server has rejected the event stream: too many streams, or the run was removed
    try {
      [this.facts, this.history, this.previews] = await Promise.all([get(this.path), get(`${this.path}/history`), get(`${this.path}/previews`)]);
      tell(`Too many open event streams: ${this.name} is shown without updates. Close another page that watches a run, then reload this page.`);
      this.soon();
    } catch (problem) {
      tell(problem.message);
    }
  }

  soon() { // several events often arrive together
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (!this.closed) this.changed(this);
    });
  }

  rest(hidden) {
    if (this.ended) return;
    this.source.close();
    this.lookAway();
    if (!hidden) this.listen();
  }

  close() {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.hide);
    this.source.close();
    this.lookAway();
  }

  get length() { return Math.max(this.facts?.images ?? 0, this.history.at(-1)?.images_seen ?? 0, this.previews.at(-1) ?? 0); }
}
