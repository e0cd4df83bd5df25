"""Writes RESULTS.md and a page a result from what is kept in experiments/results/*.json.

    python experiments/results.py

Programs keep what they measured with `keep`, which writes the pages anew. Pages hold nothing that is not in the JSON.
RESULTS.md also takes the texts results/introduction.md and results/discussion.md and the targets of targets.json, and
fills in their figures.
"""

import json
import os
import pathlib
import subprocess
import time

import overview
import pages

from sensegen_tf.files import atomic_write, files_in, read_json

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS, PICTURES, RUNS = (os.path.join(HERE, name) for name in ("results", "pictures", "runs"))
TEXTS = {name: os.path.join(RESULTS, f"{name}.md") for name in ("introduction", "discussion")}
SCHEMA = 1
_WIDTH = 150


def load():
    """Name -> result, in the order of the names."""
    found = [read_json(path) for path in files_in(RESULTS, "*.json")]
    return {result["name"]: result for result in found}


def documents(results):
    """Path below experiments/ -> text of every page and of RESULTS.md."""
    texts = {name: pathlib.Path(path).read_text(encoding="utf-8") for name, path in TEXTS.items()}
    targets = read_json(os.path.join(HERE, "targets.json"))
    written = {f"results/{name}.md": pages.page(result) for name, result in results.items()}
    return written | {"RESULTS.md": overview.overview(results, targets=targets, **texts)}


def write():
    """Writes all pages, and removes those of results that are gone."""
    written = documents(load())
    for path, text in written.items():
        with atomic_write(os.path.join(HERE, path)) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
    kept = {os.path.join(HERE, path) for path in written} | set(TEXTS.values())
    for path in set(files_in(RESULTS, "*.md")) - kept:
        os.remove(path)


def path_of(name):
    """Where a result is kept."""
    return os.path.join(RESULTS, f"{name}.json")


def keep(name, kind, *, command, **values):
    """Keeps a result in results/NAME.json, in the place of the one before, and writes the pages.

    Args:
      name: of the result and its page.
      kind: "run", "study", "tsbench" or "benchmark", see `pages`.
      command: that makes it, with FOLDER in the place of a folder of data.
      values: what the page of that kind needs.
    """
    result = {"schema": SCHEMA, "name": name, "kind": kind, "command": command, "recorded": recorded()}
    with atomic_write(path_of(name)) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(dumps(result | values) + "\n")
    write()


def recorded():
    """Today's date, and the commit of the code that runs, with "and changes" where files differ from it."""
    found = {"date": time.strftime("%Y-%m-%d")}
    commit = _git("rev-parse", "--short", "HEAD")
    if commit:
        found["commit"] = commit + (" and changes" if _git("status", "--porcelain", "..") else "")
    return found


def _git(*arguments):
    """What git prints here; "" where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", "-C", HERE, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def dumps(value, indent=0):
    """JSON with short lists and dictionaries on one line."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) + indent <= _WIDTH or not isinstance(value, dict | list):
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {dumps(item, indent + 1)}" for key, item in value.items()]
    else:
        items = [dumps(item, indent + 1) for item in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{pad}" + f",\n{pad}".join(items) + f"\n{' ' * indent}{last}"


if __name__ == "__main__":
    write()
