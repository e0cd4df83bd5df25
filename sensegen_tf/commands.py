"""What the commands share: flags by topic, refusals of flags without effect, how they start and how they end.

A command defines its flags inside `topic` blocks, names those that must be given with `required`, and those that have
an effect under a condition alone with `only_with`; `run` checks both, and prints `--help` from them.
"""

import contextlib
import dataclasses
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from absl import app, flags, logging

from sensegen_tf import help_text
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS
Config = TypeVar("Config")

# Fields whose flags have another name; the first of them that was given is meant, or else the last.
_FLAGS_OF_FIELDS = {
    "length": ("window_seconds", "window_length"),
    "stride": ("stride_seconds", "stride"),
    "count": ("num",),
    "path": ("data_dir",),
    "run": ("checkpoint",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Condition:
    """That some flags have an effect only under a condition.

    Attributes:
      names: of the flags.
      holds: whether the condition holds.
      what: the condition in words, such as "with --source=table".
    """

    names: tuple[str, ...]
    holds: Callable[[flags.FlagValues], bool]
    what: str


_topics: dict[str, list[str]] = {}
_required: list[str] = []
_conditions: list[_Condition] = []


@contextlib.contextmanager
def topic(title: str) -> Iterator[None]:
    """Context manager: the flags defined inside stand below this title in `--help` and in CLI.md.

    Args:
      title: such as "Recordings"; a title that was used before gets more flags.
    """
    before = set(FLAGS)
    yield
    _topics.setdefault(title, []).extend(name for name in FLAGS if name not in before)


def required(*names: str) -> None:
    """Says that the command refuses to run without these flags."""
    _required.extend(names)


def only_with(names: str | Sequence[str], holds: Callable[[flags.FlagValues], bool], *, what: str) -> None:
    """Says under which condition flags have an effect; given without it, the command refuses them.

    Args:
      names: of the flags.
      holds: from the parsed flags, whether the condition holds.
      what: the condition in words, such as "--source=table".
    """
    _conditions.append(_Condition(names=_names(names), holds=holds, what=f"with {what}"))


def only_without(names: str | Sequence[str], holds: Callable[[flags.FlagValues], bool], *, what: str) -> None:
    """As `only_with`, the other way round: the flags have no effect where the condition holds."""
    _conditions.append(_Condition(names=_names(names), holds=lambda values: not holds(values), what=f"without {what}"))


def _names(names):
    return (names,) if isinstance(names, str) else tuple(names)


def given(*names: str) -> list[str]:
    """Those of the flags that were given, as `--name`."""
    return [f"--{name}" for name in names if FLAGS[name].present]


def refuse(names: Sequence[str], what: str) -> None:
    """Refuses flags that would have no effect.

    Args:
      names: of the flags.
      what: when alone they have one, in words, such as "with --source=table".

    Raises:
      InputError: some of them were given.
    """
    if found := given(*names):
        raise InputError(f"{', '.join(found)}: only {what}", fields=[name[2:] for name in found])


def require(*names: str) -> None:
    """Refuses to go on without these flags.

    Raises:
      InputError: some of them were not given.
    """
    missing = [name for name in names if FLAGS[name].value in (None, "", [])]
    if missing:
        raise InputError(f"{', '.join(f'--{name}' for name in missing)} must be given", fields=missing)


def from_flags(config_class: type[Config], /, **values: Any) -> Config:
    """A configuration, a dataclass, from the flags.

    Args:
      config_class: the dataclass.
      **values: fields that come from elsewhere. Each other field has the value of the flag of its name; the list of a
        flag becomes a tuple.
    """
    for field in dataclasses.fields(config_class):  # type: ignore[arg-type]
        if field.name not in values:
            value = FLAGS[field.name].value
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return config_class(**values)


def flag_values() -> dict[str, Any]:
    """The values of all flags of the command, by name, in the order of their definition."""
    return {name: FLAGS[name].value for names in _topics.values() for name in names}


def message_with_flags(error: InputError) -> str:
    """The message of an error in which `--flag` stands for the name of each field that a flag sets.

    A name that is also a word of English, such as `length`, is replaced once: where it begins a clause, or else where
    it stands first.
    """
    text = str(error)
    for field in sorted(error.fields, key=len, reverse=True):
        flag = _flag_of(field)
        if flag is None:
            continue
        places = list(re.finditer(rf"(?<![\w./\-]){re.escape(field)}(?![\w/])", text))
        if "_" not in field:
            places = ([place for place in places if re.search(r"(^|[:;,] )$", text[: place.start()])] or places)[:1]
        for place in reversed(places):
            text = f"{text[: place.start()]}--{flag}{text[place.end() :]}"
    return text


def _flag_of(field):
    """The name of the flag that sets a field, or None."""
    if field in FLAGS:
        return field
    known = [name for name in _FLAGS_OF_FIELDS.get(field, ()) if name in FLAGS]
    return next((name for name in known if FLAGS[name].present), known[-1] if known else None)


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages, unless TF_CPP_MIN_LOG_LEVEL asks for them."""
    from sensegen_tf.data.workers import import_quietly

    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import_quietly()
    import tensorflow as tf

    # It warns where one process compiles many small functions, as the evaluation does.
    tf.get_logger().setLevel("ERROR")


def topics() -> list[help_text.Topic]:
    """The flags of the command, topic by topic."""

    def described(name):
        when = " and ".join(condition.what for condition in _conditions if name in condition.names)
        return help_text.describe(FLAGS[name], required=name in _required, condition=when)

    return [help_text.Topic(title, [described(name) for name in names]) for title, names in _topics.items()]


def pop_topics() -> list[help_text.Topic]:
    """The flags of the command, topic by topic; they are undefined after it, so that another command may follow."""
    found = topics()
    FLAGS.remove_flag_values(flag_values())
    for each in (_topics, _required, _conditions):
        each.clear()
    return found


class _Help(flags.BooleanFlag):
    """`--help`: prints the flags by topic and ends the program."""

    def __init__(self):
        super().__init__("help", False, "show this help", short_name="?", allow_override=True)

    def parse(self, argument):
        if self._parse(argument):
            print(help_text.to_terminal(sys.modules["__main__"].__doc__ or "", topics()))
            raise SystemExit(0)


def _parse(argv):
    try:
        return FLAGS(argv)
    except flags.Error as error:
        print(f"error: {error}\n--help shows the flags.", file=sys.stderr)
        raise SystemExit(2) from error


def check_flags() -> None:
    """Checks the parsed flags.

    Raises:
      InputError: a required one is missing, or one was given that has no effect.
    """
    require(*_required)
    for condition in _conditions:
        if not condition.holds(FLAGS):
            refuse(condition.names, condition.what)


def run(main: Callable[..., int | None], positional: bool = False) -> None:
    """Parses and checks the flags and runs `main()`; an `InputError` becomes a message and exit status 2.

    Args:
      main: a function; it gets the arguments that are no flags, if there may be any, and may return an exit status.
      positional: whether there may.
    """

    def guarded(argv):
        if not FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        try:
            if len(argv) > 1 and not positional:
                raise InputError(f"unexpected arguments: {' '.join(argv[1:])}; every setting is a --flag=value")
            check_flags()
            import_tensorflow()
            return main(*argv[1:])
        except InputError as error:
            print(f"error: {message_with_flags(error)}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130

    app.define_help_flags()
    flags.DEFINE_flag(_Help())
    app.run(guarded, flags_parser=_parse)
