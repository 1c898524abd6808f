"""The rewriting of the users' query templates, on their tokens: ``lexer`` reads them, ``statement`` what they mean.

``lineage`` and ``flow`` follow columns and rows through the statement. By these ``customer_filter``, ``limits`` and
``usage_order`` decide what has to change, and ``draft`` changes it; ``source.template`` is the door.
"""
