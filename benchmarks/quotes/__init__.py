"""The figures that the documentation quotes, computed from the results of the benchmarks.

`quoted.toml` has a section for each file in `benchmarks/results/`: the command that makes it, a short form of that command, and
the sentences and table rows of the documentation that quote it. Their numbers are placeholders:

    [[sampling.quotes]]
    page = "README.md"
    text = "One million images take {rows[1].seconds:.0f} s and {rows[1].peak_memory_gb:.2f} GB"

A placeholder is an expression and, after a colon, a format. `text` must stand in the page with the numbers of the file.

**Expressions.** A path leads to values: `name` and `.name` to an entry, `["any key"]` likewise, `[0]` to an element, and `[]`
to all of them. `[recipe=fast, batch_size=128]` selects the elements with these entries. A `*` in a key, or in such an entry,
matches any characters.
Functions follow after `|`:

    rows["fast, 60 s"].runs[].class_accuracy | mean

| function | value |
|---|---|
| `mean`, `median`, `min`, `max`, `sum`, `std` | one number; `std` is the standard deviation of a sample |
| `count` | the number of values |
| `range` | the smallest and the largest, written as "1 to 3", or as one number if both are written alike |
| `list`, `list " · "` | all values, with " and " or the given text between them |
| `times X`, `over X`, `minus X`, `plus X` | arithmetic with a number or a path |
| `into X` | X divided by the value |
| `percent` | a hundred times the value |
| `near X` | the nearest multiple of X |
| `within X` | only the values whose magnitude is at most X |
| `drop "text"` | a string without this text |
| `after "text"` | the part of a string that follows this text |

Without a function that reduces them, a path must lead to exactly one value. `$` is the whole file, `@key` the key of a row.

**Formats** are those of Python, and: `.1 %` puts a space before the sign, `~2` writes three significant digits, but at most two
decimals, and `words` writes the nearest whole number below a hundred in words. A value of null is written as –. A value
that lies in the middle between two written ones, such as 8.75 for `.1f`, may be written either way.

**Tables.** `rows` repeats a text. It is a path, such as `rows[]`: paths in the text then begin at each of its values. Or it is
a list of strings or of tables: `<row>` in the text stands for the string, `<name>` for an entry of the table.
"""

from .expressions import Between, Listed, Place, QuoteError, computed, values_of
from .formats import spellings, written
from .index import BEGIN, END, INDEX, facts_of, index_table
from .pages import Block, nearest, page_blocks, places_in, uncovered
from .statements import Figure, Key, Statement, compared, statements
from .table import RESULTS, ROOT, TABLE, NotMeasured, Quote, Result, load

__all__ = [
    "BEGIN",
    "END",
    "INDEX",
    "RESULTS",
    "ROOT",
    "TABLE",
    "Between",
    "Block",
    "Figure",
    "Key",
    "Listed",
    "NotMeasured",
    "Place",
    "Quote",
    "QuoteError",
    "Result",
    "Statement",
    "compared",
    "computed",
    "facts_of",
    "index_table",
    "load",
    "nearest",
    "page_blocks",
    "places_in",
    "spellings",
    "statements",
    "uncovered",
    "values_of",
    "written",
]
