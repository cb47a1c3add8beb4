"""`digitgan recipes`."""

from __future__ import annotations

from typing import Annotated

from digitgan.cli.output import Output
from digitgan.options import Flag, Json, Out, Overwrite, Quiet, Unset


def recipes(
    name: Annotated[str | None, Unset] = None,
    /,
    *,
    summary: Flag = False,
    diagram: Flag = False,
    untrained: Flag = False,
    out: Out = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """List the recipes, or print one recipe as TOML for --config.

    Args:
        name: recipe to print
        summary: print the layers of its networks instead, for images of the size of MNIST
        diagram: draw its networks instead, for images of the size of MNIST
        untrained: print instead the score that its untrained discriminator gives to an image of its untrained generator
        out: output diagram (default: NAME.png, or the next free name)
    """
    import dataclasses

    from digitgan.errors import UsageError
    from digitgan.recipes import DEFAULT_RECIPE, RECIPES, find_recipe, to_toml

    if untrained and (summary or diagram):
        raise UsageError(f"--untrained, --{'summary' if summary else 'diagram'}: give only one of them")
    if not diagram and (out is not None or overwrite):
        raise UsageError(f"--{'overwrite' if out is None else 'out'}: applies only to a diagram; add --diagram, or omit it")
    output = Output(quiet, json_)
    if untrained:
        from digitgan.networks.summary import score_untrained

        found = score_untrained(name or DEFAULT_RECIPE)
        output.lines(f"score of an untrained image by the untrained discriminator: {found['score']:+.4f}")
        output.lines(f"probability of being real: {found['probability']:.4f}")
        output.lines("The weights are random: the mean over many seeds is 0.5, but one discriminator may be far from it.")
        output.result({"recipe": name or DEFAULT_RECIPE, **found})
        return
    if summary or diagram:
        from digitgan.networks.summary import describe_recipe

        described = describe_recipe(name, summary=summary, diagram=diagram, out=out, overwrite=overwrite)
        output.lines(*described.tables, *([str(described.picture)] if described.picture else []))
        output.result({"recipe": name, "parameters": described.parameters, "out": described.picture and str(described.picture)})
        return
    if name is not None:
        recipe = find_recipe(name)
        output.lines(to_toml(recipe).rstrip())
        output.result(dataclasses.asdict(recipe))
        return
    width = max(map(len, RECIPES)) + 2
    output.lines(*(f"{recipe.name:<{width}}{recipe.description}" for recipe in RECIPES.values()))
    output.result({recipe.name: recipe.description for recipe in RECIPES.values()})
