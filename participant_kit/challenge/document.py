"""YAML documents whose mistakes are reported with file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.challenge.finding import Finding, FindingsError, NewerSchemaError

MAX_DOCUMENT_BYTES = 1 << 20
MAX_DEPTH = 50
"""Levels of a document. Each costs the parser more than the one before."""

Loc = tuple[int | str, ...]


class Model(BaseModel):
    """Base of every document: unknown keys are mistakes, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


M = TypeVar("M", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (no "billion laughs"), without silently repeated keys, and of bounded depth."""

    depth = 0
    repeated: list[tuple[str, int]] | None = None
    """Where a list, keys that stand twice are no mistake: the last one counts, and each is told here with its line."""

    def fetch_flow_collection_start(self, kind: Any) -> None:  # before the scanner looks ahead, level by level
        if self.flow_level == MAX_DEPTH:
            raise yaml.scanner.ScannerError(None, None, f"more than {MAX_DEPTH} levels", self.get_mark())
        super().fetch_flow_collection_start(kind)

    def compose_node(self, parent: Any, index: Any) -> Any:
        wrong = "an alias" if self.check_event(yaml.AliasEvent) else ""
        if wrong or self.depth == MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.composer.ComposerError(None, None, wrong or f"more than {MAX_DEPTH} levels", mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is no text", key.start_mark)
            if key.value in seen and self.repeated is not None:
                self.repeated.append((key.value, key.start_mark.line + 1))
            elif key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_timestamp(self, node: Any) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:  # 31 February stays text, for the model to refuse by key and line
            return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def read_document(path: Path, model: type[M], repeated: list[tuple[str, int]] | None = None) -> M:
    """Read the YAML file ``path`` as ``model``. Raises :class:`FindingsError` naming every mistake.

    A key that stands twice is one, unless the list ``repeated`` is there to take it, with its line.

    One whose ``schema_version`` is newer than the model's raises :class:`NewerSchemaError`: what else is in it
    cannot be judged.
    """
    name = path.name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FindingsError([Finding(name, f"a file at {path}", "no file")]) from None
    except OSError as error:
        raise FindingsError([Finding(name, "a readable file", str(error.strerror))]) from None
    return parse_document(data, model, name, repeated)


def parse_document(data: bytes, model: type[M], name: str, repeated: list[tuple[str, int]] | None = None) -> M:
    """Read YAML bytes as ``model``; ``name`` is used in findings. Raises like :func:`read_document`."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise FindingsError([Finding(name, f"at most {MAX_DOCUMENT_BYTES} bytes", f"{len(data)} bytes")])
    try:
        loader = _Loader(data.decode("utf-8"))
        loader.repeated = repeated
        root = loader.get_single_node()
        content = loader.construct_document(root) if root else None
    except UnicodeDecodeError as error:
        raise FindingsError([Finding(name, "UTF-8 text", f"the byte {data[error.start]:#04x}")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        found = str(error.problem).removeprefix("found ")
        raise FindingsError([Finding(name, "valid YAML", found, line=line)]) from None
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FindingsError([Finding(name, "valid YAML", str(error).splitlines()[0])]) from None
    _check_schema_version(content, root, model, name)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise FindingsError([_finding(name, root, detail) for detail in error.errors()]) from None


def line_of(path: Path, *loc: int | str) -> int | None:
    """The line, from 1, of the key at ``loc`` in the YAML file ``path``; None when there is none."""
    try:
        return _line(yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader), loc)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def scalars_of(path: Path) -> dict[Loc, tuple[str, bool]]:
    """The text of each scalar in the YAML file ``path`` by where it is, and whether it stands in quotes."""
    found: dict[Loc, tuple[str, bool]] = {}

    def visit(node: Any, loc: Loc) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                visit(value, (*loc, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                visit(value, (*loc, number))
        elif isinstance(node, yaml.ScalarNode):
            found[loc] = (node.value, node.style is not None)

    visit(yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader), ())
    return found


class _Dumper(yaml.SafeDumper):
    """Writes U+0085 as an escape: as itself it is a line break of YAML's, and read back as another one."""

    def represent_text(self, text: str) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\x85" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def dump_document(content: Any, *, block: bool = False) -> str:
    """YAML in the order given, with short lists on one line, or with ``block`` each entry on a line of its own."""
    style = False if block else None
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=style)


def _check_schema_version(content: Any, root: Any, model: type[M], name: str) -> None:
    key = "schema_version"
    found = content.get(key) if isinstance(content, dict) and key in model.model_fields else None
    if type(found) is int and found > (known := max(get_args(model.model_fields[key].annotation))):
        expected = f"at most {known}, the newest that this version of participant-kit knows"
        finding = Finding(name, expected, str(found), key, _line(root, (key,)))
        raise NewerSchemaError([finding], hint="Upgrade with: pip install -U participant-kit")


def _finding(name: str, root: Any, detail: Any) -> Finding:
    loc: Loc = detail["loc"]
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.removeprefix("expected ").removeprefix("Input should be ").removeprefix("a ")
    message = message.replace("String should match pattern", "text like").replace("String should have", "text of")
    found = detail["input"]
    if detail["type"] == "missing":
        shown, message = "nothing", "this key"
    elif detail["type"] == "extra_forbidden":
        shown, message = f"the unknown key {loc[-1]!r}", "a key of the schema (see `pkit challenge schema`)"
    else:
        nested = found if isinstance(found, list) else [found]
        shown = "" if any(isinstance(part, dict | list | BaseModel) for part in nested) else repr(found)[:80]
    return Finding(name, message, shown, ".".join(map(str, loc)), _line(root, loc))


def _line(root: Any, loc: Loc) -> int | None:
    node, line = root, None
    if root is not None:
        line = root.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
