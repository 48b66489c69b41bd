"""`neuroswitch compare`: methods side by side in a folder that can be continued and added to.

    settings -> methods (fitted once) -> compare (answers) -> damage -> rows -> summary -> report

Numbers come from the rows on disk alone, so `neuroswitch report` needs no model.
"""
