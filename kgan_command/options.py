"""The flags of a command, made from its settings."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable

import typer

from kgan_command.settings.command_settings import CommandSettings
from kgan_command.settings.rules import Choice


def with_options(*kinds: type[CommandSettings]) -> Callable[[Callable], Callable]:
    """Gives a function an option for every field of some settings classes, or an argument for those without a flag.

    Args:
        *kinds: the classes. The function is called with a dict for each of them, of the settings that were given on the
            command line, by name.

    Returns:
        A decorator; what it returns `typer` can make a command of.
    """

    def decorate(function):
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *(_parameter(kind, field) for kind in kinds for field in dataclasses.fields(kind))]

        @functools.wraps(function)
        def run(context, **values):
            typed = [name for name in values if context.get_parameter_source(name).name == "COMMANDLINE"]
            return function(*({name: values[name] for name in kind.types() if name in typed} for kind in kinds))

        del run.__wrapped__
        run.__signature__ = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _parameter(kind: type[CommandSettings], field: dataclasses.Field) -> inspect.Parameter:
    told, annotation = field.metadata, kind.types()[field.name]
    shown = {"help": told["description"], "metavar": told["metavar"], "rich_help_panel": told["group"]}
    choices = [word for rule in told["rules"] if isinstance(rule, Choice) for word in rule.right]
    if choices:
        shown["autocompletion"] = lambda incomplete: [word for word in choices if word.startswith(incomplete)]
    if told["argument"]:
        extra = typer.Argument(**shown | {"rich_help_panel": None})
    else:
        flag = kind.flag(field.name)
        turned_off = bool in (annotation, *typing.get_args(annotation)) and field.default is not False
        extra = typer.Option(f"{flag}/--no-{flag[2:]}" if turned_off else flag, **shown)
    default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
    annotation = typing.Annotated[annotation, extra]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
