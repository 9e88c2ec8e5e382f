"""What a command says beside its result: on standard error, 80 columns wide."""

import textwrap

import click

WIDTH = 79

NO_BREAK = "\u00a0"
"""A space at which no line is broken."""


def say(text: str, *, below: str = "") -> None:
    """Print a sentence on standard error; a path or a name that is longer than a line stays whole.

    Args:
        text: The sentence.
        below: What lines after the first begin with.
    """
    lines = textwrap.wrap(text, WIDTH, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)
    click.echo("\n".join(lines).replace(NO_BREAK, " "), err=True)
