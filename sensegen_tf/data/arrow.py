"""pyarrow, which only those need who read or write tables (extra `tables`)."""

import os
from types import ModuleType

from sensegen_tf.errors import InputError


def pyarrow(path: str | os.PathLike[str]) -> ModuleType:
    """The package, for a file that needs it.

    Raises:
      InputError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(f"{path} needs pyarrow, which is not installed: pip install 'sensegen_tf[tables]'") from error
    return pyarrow
