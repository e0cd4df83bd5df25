"""The rules of the house: its words, the size of its files, its signatures, and which room imports which.

Everything is read from the sources as text and syntax trees; nothing of the package is imported.
"""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("sensegen_tf", "experiments", "export", "tests")
# What is not ours to word: exported models and runs.
LEFT_OUT = ("export/models/", "experiments/runs/", "sensegen_tf/pretrained/")

# In the order in which data walks through them: a room may import those before it.
ROOMS = ("data", "layers", "models", "training", "serving", "generation", "evaluation")
# Rooms that may import less than all rooms before them.
NARROWER = {"evaluation": ("data",), "generation": ("data", "serving", "layers.micro_batches")}
FOR_ALL = ("errors", "files")

# Words for which the field has others. DESIGN.md's list, as far as they cannot mean anything else.
WORDS = (
    r"betray",
    r"dealt out",
    r"strong critic",
    r"told apart",
    r"\bjur(y|ies)\b",
    r"row of the zoo",
    r"drawn code",
    r"whole_file",
    r"innovation",
    r"holdout_(subjects|fraction)",
    r"unseen_fraction",
    r"heldout_nll",
)
# The same for the words of which an identifier consists.
PARTS_OF_NAMES = set(
    re.findall(
        r"\w+",
        "people person persons numbered unpacked picked judge judged jury critic told tells whose unseen holdout "
        "innovation innovations zoo betrayed dealt",
    )
)
# Where files that earlier versions wrote are read: what they call things.
EARLIER_WORDS = {
    "tests/test_house.py": {*WORDS},
    "tests/goldens/make.py": {"innovation"},
    "sensegen_tf/serving/model_card.py": {
        "innovation",
        "holdout_(subjects|fraction)",
        "unseen_fraction",
        "heldout_nll",
    },
}


def sources(*folders):
    """The Python files of folders: paths below the root, and syntax trees."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(LEFT_OUT):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def texts():
    """Documents, sources and settings: paths below the root, and what they say."""
    suffixes = {".py", ".md", ".flags", ".yaml", ".config", ".c", ".js", ".ts", ".html", ".cfg", ".toml"}
    files = [ROOT / "README.md", ROOT / "setup.cfg", ROOT / "pyproject.toml"]
    files += [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in suffixes and not name.startswith(LEFT_OUT):
            yield name, path.read_text(encoding="utf-8")


def identifiers(tree):
    """Every name that a file gives or uses, and its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                yield name, node.lineno
            case ast.ClassDef(name=name) | ast.alias(name=name):
                yield name, node.lineno
            case ast.keyword(arg=str(name)):
                yield name, node.value.lineno


def parts(name):
    """The words of an identifier, in small letters."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def functions(tree, scope=""):
    """The functions of a tree: qualified names, nodes, and whether they are methods."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield scope + node.name, node, isinstance(tree, ast.ClassDef)
            yield from functions(node, f"{scope}{node.name}.<locals>.")
        else:
            yield from functions(node, f"{scope}{node.name}." if isinstance(node, ast.ClassDef) else scope)


def is_public(name):
    """Whether a qualified name is seen from outside; constructors and calls are."""
    return all(part in ("__init__", "__call__") or not part.startswith(("_", "<")) for part in name.split("."))


def public_functions():
    """The public functions and methods of the package: where, the node, its parameters without self and cls."""
    for file, tree in sources("sensegen_tf"):
        for name, node, method in functions(tree):
            if is_public(name):
                static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
                positional = [*node.args.posonlyargs, *node.args.args][1 if method and not static else 0 :]
                yield f"{file}:{node.lineno} {name}", node, positional


def test_texts_use_the_words_of_the_field():
    found = []
    for file, text in texts():
        for word in (word for word in WORDS if word not in EARLIER_WORDS.get(file, ())):
            lines = [text[: match.start()].count("\n") + 1 for match in re.finditer(word, text, re.IGNORECASE)]
            found += [f"{file}:{line} {word}" for line in lines]
    assert not found, "\n".join(found)


def test_identifiers_use_the_words_of_the_field():
    found = []
    for file, tree in sources(*FOLDERS):
        wrong = PARTS_OF_NAMES - EARLIER_WORDS.get(file, set())
        found += [f"{file}:{line} {name}" for name, line in identifiers(tree) if parts(name) & wrong]
    assert not found, "\n".join(found)


def test_no_file_is_longer_than_400_lines_and_no_function_longer_than_50():
    found = []
    for file, tree in sources(*FOLDERS):
        lines = len((ROOT / file).read_text(encoding="utf-8").splitlines())
        found += [f"{file}: {lines} lines"] if lines > 400 else []
        lengths = {
            f"{file}:{node.lineno} {name}": node.end_lineno - node.lineno + 1 for name, node, _ in functions(tree)
        }
        found += [f"{where}: {length} lines" for where, length in lengths.items() if length > 50]
    assert not found, "\n".join(found)


def test_public_functions_say_the_types_of_what_they_take_and_return():
    found = []
    for where, node, positional in public_functions():
        rest = [*node.args.kwonlyargs, *filter(None, [node.args.vararg, node.args.kwarg])]
        missing = [each.arg for each in [*positional, *rest] if each.annotation is None]
        if node.returns is None and node.name != "__init__":
            missing.append("what is returned")
        found += [f"{where}: {', '.join(missing)}"] if missing else []
    assert not found, "\n".join(found)


def test_public_functions_take_two_parameters_by_position_at_most():
    found = [
        f"{where}: {', '.join(each.arg for each in positional)}"
        for where, _, positional in public_functions()
        if len(positional) > 2
    ]
    assert not found, "\n".join(found)


def test_public_functions_return_named_things_where_there_are_three():
    found = []
    for where, node, _ in public_functions():
        match node.returns:
            case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=elements)) if len(elements) > 2:
                found.append(f"{where}: {ast.unparse(node.returns)}")
    assert not found, "\n".join(found)


def test_dataclasses_of_more_than_two_fields_are_frozen_and_given_by_name():
    found = []
    for file, tree in sources("sensegen_tf"):
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            decorators = [ast.unparse(each) for each in node.decorator_list]
            dataclass = next((each for each in decorators if re.match(r"(dataclasses\.)?dataclass\b", each)), None)
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            if dataclass and len(fields) > 2 and not ("frozen=True" in dataclass and "kw_only=True" in dataclass):
                found.append(f"{file}:{node.lineno} {node.name}")
    assert not found, "\n".join(found)


def imports(tree):
    """The modules of this package that a file imports, below `sensegen_tf`, with lines; of `from a import b`, a.b."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                modules = [f"{module}.{alias.name}" for alias in names]
            case _:
                continue
        yield from ((each.removeprefix("sensegen_tf."), node.lineno) for each in modules if "sensegen_tf." in each)


def room_files():
    """The files of the rooms: their paths, their rooms and their syntax trees."""
    for file, tree in sources("sensegen_tf"):
        room = file.split("/")[1]
        # The command `python -m sensegen_tf.data` lies in its room and is no part of it.
        if room in ROOMS and file != "sensegen_tf/data/__main__.py":
            yield file, room, tree


def test_rooms_import_only_the_rooms_before_them():
    found = []
    for file, room, tree in room_files():
        before = (*FOR_ALL, room, *NARROWER.get(room, ROOMS[: ROOMS.index(room)]))
        for module, line in imports(tree):
            if not any(f"{module}.".startswith(f"{each}.") for each in before):
                found.append(f"{file}:{line} imports {module}")
    assert not found, "\n".join(found)


def test_rooms_know_no_flags():
    found = []
    for file, _, tree in room_files():
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str(text)) if re.search(r"(?<![\w-])--[a-z]", text):
                    found.append(f"{file}:{node.lineno} mentions {re.search('--[a-z_]+', text)[0]}")
                case ast.ImportFrom(module=str(module)) if module.startswith("absl"):
                    found.append(f"{file}:{node.lineno} imports {module}")
                case ast.Call(func=ast.Name(id="print")):
                    found.append(f"{file}:{node.lineno} prints")
    assert not found, "\n".join(found)


def test_what_a_reader_sees_first_is_short():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(readme) <= 150 and max(map(len, readme)) <= 120
    assert len((ROOT / "experiments" / "RESULTS.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_only_what_the_design_names_lies_at_the_top():
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    kept = {"setup.cfg", "pyproject.toml", "README.md", "LICENSE", *FOLDERS}
    assert kept <= names and not {name for name in names - kept if not name.endswith((".egg-info", "build", "dist"))}
