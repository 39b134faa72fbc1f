"""Build the commands of the command line: groups import a command only when it is asked for by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from lakehouse.paths import with_home
from pipelines.runtime.stand_ins import stand_ins


class Lazy(NamedTuple):
    """A command that is not imported yet: where it is, as ``module:attribute``, and its help in one line.

    The attribute is a function or a ``typer.Typer``. The help is the first line of the command's own, which a test
    holds it against.
    """

    target: str
    help: str


class _Commands(MutableMapping[str, Any]):
    """The commands of a group by name: the names are known at once, a command is imported when it is taken out."""

    def __init__(self, entries: Mapping[str, Lazy]) -> None:
        self._entries = dict(entries)
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._entries[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._entries[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class LazyGroup(TyperGroup):
    """A group that lists its commands by their entries, and imports the one that is asked for."""

    entries: Mapping[str, Lazy] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": {}})
        self.commands = _Commands(self.entries)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order of the entries."""
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now; for a shell that completes, without the libraries that it uses."""
        if cmd_name not in self.entries:
            return None
        if ctx.resilient_parsing:
            with stand_ins():
                return _load(cmd_name, self.entries[cmd_name])
        return self.commands[cmd_name]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help; no command is imported for it."""
        self._listing().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The names and options that a word can become; no command is imported for it."""
        return self._listing().shell_complete(ctx, incomplete)

    def _listing(self) -> TyperGroup:
        """A group that looks like this one, with commands that have a name and a help and do nothing."""
        listing = TyperGroup(
            name=self.name,
            commands={name: TyperCommand(name, help=entry.help) for name, entry in self.entries.items()},
            params=self.params,
            help=self.help,
            no_args_is_help=self.no_args_is_help,
            rich_markup_mode=self.rich_markup_mode,
        )
        _as_people_use_it(listing)
        return listing


def lazy_app(
    entries: Mapping[str, Lazy], text: str, callback: Callable[..., None] | None = None, **options: Any
) -> typer.Typer:
    """A group of such commands, ``text`` is its help; ``callback`` has the options of the group itself."""
    group = type("LazyGroup", (LazyGroup,), {"entries": entries})
    app = typer.Typer(cls=group, help=text, no_args_is_help=True, pretty_exceptions_enable=False, **options)
    app.callback()(callback or _nothing)
    return app


def _nothing() -> None: ...


def command_of(made_from: typer.Typer | Callable[..., Any]) -> Any:
    """The command that an app or a function stands for; flags have no type in its help."""
    if isinstance(made_from, typer.Typer):
        app = made_from
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(made_from)
    command = typer.main.get_command(app)
    _as_people_use_it(command)
    return command


def _load(name: str, entry: Lazy) -> Any:
    module, _, attribute = entry.target.partition(":")
    target = getattr(import_module(module), attribute)
    if isinstance(target, typer.Typer):
        command: Any = typer.main.get_group(target)
        _as_people_use_it(command)
    else:
        command = command_of(target)
    command.name = name
    return command


def from_home(_context: typer.Context, _parameter: Any, path: Path | None) -> Path | None:
    """A path of the command line; a shell leaves the ``~`` of ``--out=~/report.html`` as it is."""
    return path and with_home(path)


def _as_people_use_it(command: Any) -> None:
    """Lets every path of a command begin with ``~``, and takes the type of its flags out of its help."""
    for parameter in command.get_params(typer.Context(command)):
        if getattr(getattr(parameter, "type_descriptor", None), "annotation", None) is Path:
            parameter.callback = from_home
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    below = getattr(command, "commands", {})
    for name in below if isinstance(below, dict) else ():
        _as_people_use_it(below[name])
