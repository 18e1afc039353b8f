"""The report of a comparison: a table, a summary, plots. Renders what `dualtrain.parity` found.

`_words.py` puts findings into words for all of them. `_table.py` is for the terminal,
`_summary.py` for files, `_plots.py` draws the curves and `_terminal.py` draws them in text.
"""

from dualtrain.report._dialects import dialect_lines as dialect_lines
from dualtrain.report._dialects import dialects_as_dict as dialects_as_dict
from dualtrain.report._explanation import explanation_as_dict as explanation_as_dict
from dualtrain.report._explanation import explanation_lines as explanation_lines
from dualtrain.report._plots import check_plots as check_plots
from dualtrain.report._plots import plot_lr as plot_lr
from dualtrain.report._report import REPORT_FILES as REPORT_FILES
from dualtrain.report._report import write_report as write_report
from dualtrain.report._table import print_comparison as print_comparison
from dualtrain.report._terminal import chart as chart
