"""The conference's data: invented, and the same on every machine.

    dice.py    a small random generator of our own
    words.py   the words that names and titles are made of
    texts.py   sentences made of those words
    rows.py    every row, in memory
    store.py   the rows into the database, and their digest
"""
