"""The ``landscape`` program: its commands, and what a user sees when one fails."""

import importlib
import os
import sys
import traceback
from typing import Any

import click

from landscape._version import __version__
from landscape.atomic_write import FULL
from landscape.cli.processes import joined
from landscape.errors import LandscapeError, StorageError, suggest
from landscape.trust import only_code_of

COMMANDS = {
    "analyze": "Train (or take checkpoints), measure, slice, relate, report: the main job.",
    "hessian": "Eigenvalues, trace and density of one minimum, each with its error.",
    "sharpness": "Any measures of one minimum, each with its error and what it cannot see.",
    "surface": "The loss on lines, planes and volumes through one or more minima.",
    "audit": "What each measure cannot see: taken again after changes that keep the function.",
    "track": "Curvature along training against the optimizer's edge of stability.",
    "relate": "Compute the statistics of a study again, from its files.",
    "report": "Draw figures, tables and HTML again, from a study's files.",
    "reproduce": "Train and measure a study again from its record, and compare every number.",
    "export": "Write a study's measurements as one tidy table.",
    "list": "Print what there is: datasets, models, losses, optimizers, measures, searches, studies.",
    "doctor": "Check versions, device, double backward, memory and data.",
    "completion": "Print the shell completion script.",
}


class _LazyGroup(click.Group):
    """A group that imports a command only when it is run or asked for help, and runs no code but what is typed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        # the environment is the user's own as well
        words = [*args, *(value for name, value in os.environ.items() if name.startswith("LANDSCAPE_"))]
        ctx = super().make_context(info_name, args, parent, **extra)
        ctx.with_resource(only_code_of(words))
        return ctx

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"landscape.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{suggest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            others = [name for name in COMMANDS if self._has_option(ctx, name, error.option_name)]
            if not others:
                raise
            where = " and ".join(f"'{ctx.info_name} {name}'" for name in others)
            text = f"No such option {error.option_name!r} here; {where} {'have' if len(others) > 1 else 'has'} it."
            raise click.NoSuchOption(error.option_name, text, ctx=error.ctx) from None

    def _has_option(self, ctx: click.Context, name: str, option: str) -> bool:
        command = self.get_command(ctx, name)
        return command is not None and any(option in (*each.opts, *each.secondary_opts) for each in command.params)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Type `landscape COMMAND --help` for the flags of a command.",
)
@click.version_option(__version__, prog_name="landscape")
def cli() -> None:
    """Is this minimum sharp, and does it matter? Every number with its error."""


def main() -> None:
    """Run the program; a user's mistake gives one message and its exit code, no traceback."""
    try:
        with joined(sys.argv[1:]):
            _run()
    except LandscapeError as error:
        _fail(error)
    except BrokenPipeError:
        # whoever read our output has gone: nothing is left to be said
        _drop_output()
        sys.exit(1)


def _run() -> None:
    try:
        cli(prog_name="landscape")
    except OSError as error:
        if error.errno not in FULL:
            raise
        _drop_output()
        raise StorageError(
            f"Cannot write what was to be printed: {error.strerror}. Free some space or send it elsewhere; files that "
            f"were written before are whole."
        ) from error


def _drop_output() -> None:
    """Let what cannot be written vanish: the interpreter would try again as it closes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: LandscapeError) -> Any:
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    else:
        # names in it may be a stranger's, and a terminal obeys some characters
        message = "".join(each if each.isprintable() or each == "\n" else "?" for each in str(error))
        click.echo(f"Error: {message}", err=True)
    sys.exit(error.exit_code)
