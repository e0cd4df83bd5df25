"""Prints CLI.md, the reference of the commands, from the flags that they define.

Example:
  python -m sensegen_tf.reference > sensegen_tf/CLI.md
"""

import importlib
import re
import textwrap

from sensegen_tf import commands, help_text

# The names of the commands after `python -m`, and their modules.
_COMMANDS = {
    "sensegen_tf.data": "sensegen_tf.data.__main__",
    "sensegen_tf.train": "sensegen_tf.train",
    "sensegen_tf.export": "sensegen_tf.export",
    "sensegen_tf.sample": "sensegen_tf.sample",
    "sensegen_tf.evaluate": "sensegen_tf.evaluate",
    "sensegen_tf.privacy": "sensegen_tf.privacy",
}
_HEAD = """# Commands

Generated from the flags by `python -m sensegen_tf.reference > sensegen_tf/CLI.md`; `--help` shows the same. Every
command also takes `--flagfile=FILE`, which reads flags from a file, one a line; `experiments/flags/` holds examples.
A flag that would have no effect is refused.
"""


def to_markdown() -> str:
    """The whole of CLI.md."""
    sections = [_HEAD]
    for name, path in _COMMANDS.items():
        module = importlib.import_module(path)
        sections.append(f"## `python -m {name}`\n\n{_description(module.__doc__ or '')}")
        sections += map(_table, commands.pop_topics())
    return "\n".join(sections)


def _table(topic: help_text.Topic) -> str:
    lines = [f"### {topic.title}", "", "| flag | default | meaning |", "|---|---|---|"]
    for flag in topic.flags:
        default = "**required**" if flag.required else f"`{flag.default}`" if flag.default else ""
        notes = [flag.meaning, flag.limits, flag.condition and f"only {flag.condition}"]
        cells = [f"`{flag.typed}`", default, "; ".join(filter(None, notes))]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _description(text):
    """The docstring of a command with its indented lines as blocks of code."""

    def block(match):
        return f"\n```bash\n{textwrap.dedent(match[0]).strip()}\n```\n"

    return re.sub(r"(?<=\n)(?:  .*\n?)+", block, text.strip()) + "\n"


if __name__ == "__main__":
    print(to_markdown(), end="")
