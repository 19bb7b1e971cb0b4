"""Rows from the world: files, folders, hub data sets and the built-in dialogues, with every oddity counted.

    table = read("dialogsum/")                          # splits, encodings and notes, as they are on disk
    table = complete(table, lambda row: [row["dialogue"]])   # train, dev and test, cut where missing

Nothing here needs torch; parquet and arrow need pyarrow, hub ids the `datasets` library.
"""

from .cut import complete
from .sources import BUILT_IN, read, sets
from .table import SPLITS, Row, Table

__all__ = ["BUILT_IN", "SPLITS", "Row", "Table", "complete", "read", "sets"]
