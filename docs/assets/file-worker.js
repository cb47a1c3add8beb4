// Browsers refuse workers to pages that are opened from a file. The search of the theme needs one, so its script runs in a hidden
// frame instead. The frame inherits the origin of the page, so both can call each other.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.deliver = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.frame.srcdoc =
        `<script>self.postMessage = (data) => frameElement.deliver(data);<\/script>` +
        `<script src="${new URL(url, location.href)}"><\/script>`;
      this.loaded = new Promise((done) => this.frame.addEventListener("load", done, { once: true }));
      document.body.append(this.frame);
    }

    async postMessage(data) {
      await this.loaded;
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
