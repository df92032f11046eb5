"""What the documentation, docstrings and comments name is there: files, folders, modules, commands, targets of make.

Read are all Markdown files, and of Python files the docstrings and comments; of templates, scripts, style sheets and
configuration only whole paths. A word is taken for a name

- of a file, if it ends as sources and pages do (`SUFFIXES`), or of anything below a folder at the root, if it begins
  with one: `text2song/queue.py`, `docs/`, but not `/audio/` (an address) nor `runs/warm` (of whoever tries it);
- of a module or of what it holds, if it begins with a package at the root: `text2song.queue.enqueue`.

Placeholders (`<id>`, `*`) and requests (`GET prompts/`) name nothing here.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("text2song", "prompts", "adapters", "generation", "feedback", "datasets_app", "training", "bench")
FOLDERS = (*PACKAGES, "docs", "templates", "static", ".ci")
RELATIVE_TO = ("", "templates", "static")
SUFFIXES = (".py", ".md", ".html", ".css", ".js", ".toml", ".yml", ".conf")
CONFIGURATION = ("Makefile", "Dockerfile", "pyproject.toml", ".importlinter", ".env.example", "supervisord.conf")

SPAN = re.compile(r"`([^`]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(
    rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]+(?:{'|'.join(map(re.escape, SUFFIXES))})\b"
)
FILE_WORD = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+(?:\(\))?")
COMMAND = re.compile(r"\bmanage\.py ([a-z_]+)")
TARGET = re.compile(r"^make ([a-z-]+)")
REQUEST = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE) ")


def markdown_files() -> list[Path]:
    return [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]


def python_files() -> list[Path]:
    return [*ROOT.glob("*.py"), *(path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py"))]


def other_files() -> list[Path]:
    found = [path for folder in ("templates", "static") for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [ROOT / name for name in CONFIGURATION] + [path for path in found if path.suffix in SUFFIXES]


@cache
def tree() -> frozenset[str]:
    """Names of all files, from the root."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    return frozenset(path.relative_to(ROOT).as_posix() for path in found)


# -- what is said ----------------------------------------------------------------------------------------------------


def prose_of(source: str) -> str:
    """The docstrings and comments of a Python file."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    said = [
        part.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented)
        for part in node.body
        if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    said += [token.string for token in tokens if token.type == tokenize.COMMENT]
    return "\n\n".join(said)


def wrong_names(text: str) -> Iterator[str]:
    """Each name in a text that nothing in the tree has."""
    yield from (name for name in PATH.findall(text) if not is_file(name))
    yield from (f"manage.py {name}" for name in COMMAND.findall(text) if name not in get_commands())
    for span in SPAN.findall(FENCE.sub("", text)):
        if (target := TARGET.match(span)) and target[1] not in make_targets():
            yield span
        if not REQUEST.match(span):
            yield from (name for word in span.split() if not is_named_well(name := word.strip(",;:()\"'")))


def is_named_well(word: str) -> bool:
    """Whether a word names something of the tree, or nothing at all."""
    if FILE_WORD.fullmatch(word) and (word.endswith(SUFFIXES) or ("/" in word and word.split("/")[0] in FOLDERS)):
        return is_file(word)
    return is_python(word.removesuffix("()")) if DOTTED.fullmatch(word) else True


# -- what is there ---------------------------------------------------------------------------------------------------


def is_file(name: str) -> bool:
    """Whether there is a file or folder of this name, from the root, `templates/` or `static/`.

    A name that begins with no folder of the root may leave out the first folders: `trainer/loop.py`.
    """
    if name.split("/")[0] in FOLDERS and "/" in name:
        return any((ROOT / base / name).exists() for base in RELATIVE_TO)
    return any(f"/{path}".endswith(f"/{name}") for path in tree())


def is_python(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module or one of its classes defines."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:length])
        file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if file.is_file():
            return set(parts[length:]) <= names_in(file)
    return False


@cache
def names_in(file: Path) -> frozenset[str]:
    """What a module defines or takes over from another, its classes' members included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


@cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", markdown_files(), ids=relative)
def test_what_the_documentation_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    missing = list(wrong_names(text))
    links = [link for link in LINK.findall(text) if "{" not in link and ":" not in link]
    missing += [link for link in links if not (path.parent / link).exists()]
    assert not missing, f"{relative(path)} names what is not there: {missing}"


def test_what_docstrings_and_comments_name_is_there() -> None:
    files = [path for path in python_files() if path != Path(__file__).resolve()]
    said = {relative(path): list(wrong_names(prose_of(path.read_text(encoding="utf-8")))) for path in files}
    missing = {name: words for name, words in said.items() if words}
    assert not missing, f"Named, and not there: {missing}"


def test_what_other_files_name_is_there() -> None:
    said = {relative(path): PATH.findall(path.read_text(encoding="utf-8")) for path in other_files()}
    missing = {name: gone for name, paths in said.items() if (gone := [path for path in paths if not is_file(path)])}
    assert len(said) > 200 and not missing, f"Named, and not there: {missing}"


@pytest.mark.parametrize(
    "word",
    [
        "text2song/no_such_module.py",
        "no_such_module.py",
        "text2song/no_such_folder/",
        "text2song.queue.no_such_function",
        "generation.no_such_module",
        "manage.py no_such_command",
        "make no-such-target",
    ],
)
def test_a_name_of_nothing_is_found(word: str) -> None:
    assert list(wrong_names(f"See `{word}`."))


@pytest.mark.parametrize(
    "word",
    [
        "text2song/queue.py",
        "trainer/loop.py",
        "generation/_job_card.html",
        ".ci/run",
        "text2song.queue.enqueue",
        "text2song.work.Work.claim()",
        "GET prompts/no-such-endpoint/",
        "/audio/no-such-address/",
        "adapters/<id>/download/",
        "runs/warm",
        "facebook/musicgen-small",
        "manage.py migrate",
        "make lint",
    ],
)
def test_other_words_are_left_alone(word: str) -> None:
    assert not list(wrong_names(f"See `{word}`."))
