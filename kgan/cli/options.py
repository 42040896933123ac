"""The flags of a command, made from the settings."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable

import typer

from kgan.cli.settings import TYPES, Settings


def with_settings(command: Callable) -> Callable:
    """Gives a command a flag for every field of `Settings`, and DATA as its argument.

    Args:
        command: called with the settings that were given on the command line, by name, as its first argument, and its
            own options after it.

    Returns:
        What `typer` can make a command of.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *map(_parameter, dataclasses.fields(Settings)), *own]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]

    @functools.wraps(command)
    def run(context, **values):
        given = {name: values.pop(name) for name in TYPES if name in values}
        sources = {name: context.get_parameter_source(name) for name in given}
        given = {name: value for name, value in given.items() if sources[name].name == "COMMANDLINE"}
        return command(given, **values)

    del run.__wrapped__
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _parameter(field: dataclasses.Field) -> inspect.Parameter:
    group, description = field.metadata["group"], field.metadata["description"]
    if field.name == "data":
        extra = typer.Argument(help=description, metavar="DATA")
    else:
        flag = "--" + field.name.replace("_", "-")
        flag += f"/--no-{field.name}" if bool in typing.get_args(TYPES[field.name]) else ""
        extra = typer.Option(flag, help=description, rich_help_panel=group)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.default,
        annotation=typing.Annotated[TYPES[field.name], extra],
    )
