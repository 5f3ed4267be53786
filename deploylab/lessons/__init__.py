"""What the notebooks call: `%load_ext deploylab` gives them `lab`, `%%guest` and `%%guestfile`.

    a cell ─▶ Lab (its verbs) ─▶ Desk ─▶ Live: does it on the machine        ─▶ an answer, see answers ─▶ shown
                                     └─▶ Recording: what a machine answered  ─┘

Whatever a verb shows is made from its answer alone, so that a lesson looks the same from a recording.
"""
