"""The dashboard: one page in a browser, and the files that it is made of.

``index.html`` and what lies in ``static`` are sent as they are; there is no build step. A page is
a module in ``static/pages``, a part of a page one in ``static/panels``.
"""
