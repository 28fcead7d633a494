"""Code that came from another node, made callable in a worker.

Each bundle has modules of its own, also where two have modules of the same name: ``shop.orders``
of the bundle ``1a2b…`` is ``shop@1a2b….orders`` in ``sys.modules``, and imports of a bundle's code
look there first. Tracebacks name ``bundle-1a2b…/shop/orders.py`` and show its lines.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import inspect
import io
import linecache
import pickle
import sys
import threading
from functools import partial
from importlib.abc import InspectLoader, MetaPathFinder
from types import CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from cantor.base.errors import BundleError
from cantor.bundles.code import Code, python_here
from cantor.bundles.objects import REVISION, attribute, classes_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path

    from cantor.bundles.code import Source


def load(code: Code) -> Callable[..., Any]:
    """The function, ready to be called; its modules run when it is loaded first.

    Raises:
        BundleError: it is for another Python, or its module does not have it.
        Exception: whatever its modules raise when they are run.
    """
    return _bundle(code).function(code)


def classes_of(code: Code) -> Callable[[str, str], Any]:
    """Finds classes for ``values.unpack``: in the bundle's modules first, else in any module."""
    return partial(_bundle(code).named, code)


def carried(module: str) -> Code | None:
    """The code that brought a module here, if one did: what is in it travels on with that."""
    _, _, revision = module.partition(".")[0].partition("@")
    bundle = _bundles.get(revision)
    return bundle.code if bundle is not None else None


def use_wheels(folders: Iterable[Path | str], wheels: str = "") -> None:
    """Let this process import from unpacked wheels, before what else it could import.

    What is imported already stays: it is for a worker that has run nothing yet. ``wheels`` says
    what they are to other nodes: tasks that are submitted here go with the same.
    """
    told = [str(folder) for folder in folders]
    known = set(sys.path)
    sys.path[:0] = [folder for folder in told if folder not in known]
    importlib.invalidate_caches()
    _worn.wheels, _worn.folders = wheels, "\n".join(told)


def wheels_here() -> tuple[str, str]:
    """What was told :func:`use_wheels`: the wheels, and their folders one a line."""
    return _worn.wheels, _worn.folders


class _Worn:
    wheels = ""
    folders = ""


_worn = _Worn()


def is_loading() -> bool:
    """Whether this thread runs a bundle's modules for the first time: nothing is submitted then."""
    return getattr(_state, "loading", 0) > 0


_bundles: dict[str, _Bundle] = {}  # by revision
_lock = threading.RLock()
_state = threading.local()


def _bundle(code: Code) -> _Bundle:
    with _lock:
        known = _bundles.get(code.revision)
        if known is None:
            if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
                sys.meta_path.insert(0, _Finder())
            known = _bundles[code.revision] = _Bundle(code)
        if known.code.sources != code.sources:
            raise BundleError("another bundle has the same short name", where=code.id)
        return known


class _Bundle:
    """Modules in this process, the same for all functions that came with the same."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.mark = f"@{code.revision}"
        self._tops = {name.partition(".")[0] for name in code.sources}
        self._functions: dict[str, Callable[..., Any]] = {}
        self._lock = threading.RLock()
        self.builtins = {**vars(builtins), "__import__": self._import}

    def function(self, code: Code) -> Callable[..., Any]:
        with self._lock:
            if code.id not in self._functions:
                _state.loading = getattr(_state, "loading", 0) + 1
                try:
                    made = self._unpickled(code) if code.pickled else self._found(code)
                finally:
                    _state.loading -= 1
                self._functions[code.id] = made
            return self._functions[code.id]

    def named(self, code: Code, module: str, name: str) -> Any:  # noqa: ANN401
        """What has that name in a module of the bundle, or in another."""
        if module == "builtins":
            return classes_here(module, name)
        if module == "__main__" and code.pickled:  # of a notebook: only the pickle has it
            names = getattr(inspect.unwrap(self.function(code)), "__globals__", {})
            if name in names:
                return names[name]
        try:
            return attribute(self.module(module), name)
        except ImportError as error:
            raise BundleError(
                f"a value is a {module}.{name}, and {module} is not here: {error}",
                where=f"bundle {self.code.revision}",
                remedy=f"name what brings {module} among the requirements",
            ) from error

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(self.local(name))

    def local(self, name: str) -> str:
        """A module's name in this process: only the bundle's own have another than elsewhere."""
        top, dot, rest = name.partition(".")
        return f"{top}{self.mark}{dot}{rest}" if top in self._tops else name

    def plain(self, name: str) -> str:
        return name.replace(self.mark, "", 1)

    def file(self, source: Source) -> str:
        return f"bundle-{self.code.revision}/{source.path}"

    def _found(self, code: Code) -> Callable[..., Any]:
        found: Any = self.module(code.module)
        for step in code.name.split("."):
            found = getattr(found, step, None)
        for _ in range(code.wraps):
            found = getattr(found, "__wrapped__", None)
        if not callable(found):
            raise BundleError(
                f"{code.module} has no function {code.name} here",
                where=f"bundle {code.revision}",
                remedy="define it whenever the module is run, not only under some condition",
            )
        return found  # type: ignore[no-any-return]

    def _unpickled(self, code: Code) -> Callable[..., Any]:
        if code.python != python_here():
            raise BundleError(
                f"{code.name} was sent from Python {code.python}, and this worker runs"
                f" Python {python_here()}",
                where=f"bundle {code.revision}",
                remedy="put the function into a module: that runs on both; only closures, lambdas"
                " and notebook cells need the same version",
            )
        try:
            found = _Unpickler(self, code.pickled).load()
        except (pickle.UnpicklingError, EOFError, AttributeError, LookupError) as error:
            raise BundleError(
                f"its pickle cannot be read: {error}",
                where=f"bundle {code.revision}",
                remedy="use the same versions of its libraries on both sides",
            ) from error
        if not callable(found):
            raise BundleError("its pickle is no function", where=f"bundle {code.revision}")
        return found  # type: ignore[no-any-return]

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 (as Python calls it)
        locals: Mapping[str, object] | None = None,  # noqa: A002 (as Python calls it)
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        wanted = name if level else self.local(name)
        return builtins.__import__(wanted, globals, locals, fromlist, level)


class _Finder(MetaPathFinder):
    """Finds the modules of bundles; their names have the mark of their bundle."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, _, _ = fullname.partition(".")
        _, is_marked, revision = top.partition("@")
        if not is_marked:
            return None
        bundle = _bundles.get(revision)
        source = bundle.code.sources.get(bundle.plain(fullname)) if bundle else None
        if bundle is None or source is None:
            return None
        return importlib.util.spec_from_loader(
            fullname,
            _Loader(bundle, source),
            origin=bundle.file(source),
            is_package=source.is_package,
        )


class _Loader(InspectLoader):
    def __init__(self, bundle: _Bundle, source: Source) -> None:
        self._bundle = bundle
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source.text

    def is_package(self, fullname: str) -> bool:
        return self._source.is_package

    def get_code(self, fullname: str) -> CodeType:
        file, text = self._bundle.file(self._source), self._source.text
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        try:
            return compile(text, file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise BundleError(
                f"{self._source.path} was sent from Python {self._bundle.code.python}, and Python"
                f" {python_here()} cannot read it: {error}",
                where=f"bundle {self._bundle.code.revision}",
                remedy="write it for the oldest Python of your nodes",
            ) from error

    def exec_module(self, module: ModuleType) -> None:
        names = module.__dict__
        names["__file__"] = self._bundle.file(self._source)
        names["__builtins__"] = self._bundle.builtins
        names["__package__"] = self._bundle.local(self._source.package)
        exec(self.get_code(module.__name__), names)  # noqa: S102 (code that its sender may run)


class _Unpickler(pickle.Unpickler):
    """Reads what cloudpickle wrote; what it names of the bundle's modules is found there."""

    def __init__(self, bundle: _Bundle, pickled: bytes) -> None:
        super().__init__(io.BytesIO(pickled))
        self._bundle = bundle

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        module = REVISION.sub("", module)  # a task in a worker has submitted it
        found = super().find_class(self._bundle.local(module), name)
        if module == "cloudpickle.cloudpickle":
            match name:
                case "subimport":
                    return self._imported
                case "_make_function":
                    return self._function
                case "_function_setstate":
                    return partial(self._set_state, found)
        return found

    def _imported(self, module: str) -> ModuleType:
        return self._bundle.module(REVISION.sub("", module))

    def _function(
        self,
        body: CodeType,
        names: dict[str, Any],
        name: str,
        defaults: tuple[Any, ...] | None,
        closure: tuple[CellType, ...] | None,
    ) -> FunctionType:
        names["__builtins__"] = self._bundle.builtins
        return FunctionType(body, names, name, defaults, closure)

    def _set_state(
        self, set_state: Callable[[FunctionType, object], None], made: FunctionType, state: object
    ) -> None:
        set_state(made, state)
        made.__globals__["__builtins__"] = self._bundle.builtins
