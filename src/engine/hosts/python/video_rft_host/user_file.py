"""Imports the user's file, and finds its functions."""

import importlib.machinery
import importlib.util
import inspect
import os
import sys
import types

from . import is_ours


def use_sources(sources):
    """From now on, imports take the text given here for these paths, whatever the files hold."""
    loader = importlib.machinery.SourceFileLoader
    read, stats = loader.get_data, loader.path_stats

    def get_data(self, path):
        return sources[path].encode() if path in sources else read(self, path)

    def path_stats(self, path):
        if path in sources:
            raise OSError("the text is given: compiled files do not count")
        return stats(self, path)

    loader.get_data, loader.path_stats = get_data, path_stats


def load_module(file):
    """Imports a file by its path. Its folder is importable, as it is when Python runs the file."""
    folder = os.path.dirname(file)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    provide_swift()
    name = os.path.splitext(os.path.basename(file))[0]
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def provide_swift():
    """Plugins of ms-swift import its base classes; where ms-swift is not installed, empty ones do."""
    if "swift" in sys.modules or importlib.util.find_spec("swift") is not None:
        return

    class ORM:
        def __init__(self, args=None, **kwargs):
            self.args = args

    class AsyncORM(ORM):
        pass

    package = types.ModuleType("swift")
    package.__path__ = []
    sys.modules["swift"] = package
    for name in ("rewards", "plugin"):
        module = types.ModuleType("swift." + name)
        module.ORM, module.AsyncORM, module.orms = ORM, AsyncORM, {}
        setattr(package, name, module)
        sys.modules["swift." + name] = module


def functions_of(module):
    def is_own(value):
        return getattr(value, "__module__", None) == module.__name__

    def is_reward(value):
        return inspect.isfunction(value) or (inspect.isclass(value) and "__call__" in vars(value))

    return [name for name, value in vars(module).items() if is_own(value) and is_reward(value)]


def find_function(module, name):
    """A function, an instance of a class, or what ms-swift's registry has under the name."""
    registry = getattr(sys.modules.get("swift.rewards"), "orms", {})
    found = getattr(module, name, None) or registry.get(name)
    if inspect.isclass(found):
        try:
            return found(args=None)
        except TypeError:
            return found()
    if callable(found):
        return found
    known = ", ".join(functions_of(module)) or "none"
    raise LookupError(f"expected a function {name}, found {known}")


def takes(function, parameter):
    """Whether a function has a parameter of this name. Everything can be passed to one that has **kwargs."""
    try:
        return parameter in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def workspace_files():
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    prefixes = tuple({sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)})
    return sorted(
        os.path.abspath(file)
        for file in files
        if file and file.endswith(".py") and not file.startswith(prefixes) and not is_ours(file)
        and "site-packages" not in file and "dist-packages" not in file
    )
