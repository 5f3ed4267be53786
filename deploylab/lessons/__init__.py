"""What the notebooks call: `%load_ext deploylab` gives them `lab`, `%%guest` and `%%guestfile`.

    a cell ─▶ Lab (its commands) ─▶ Backend ─▶ Live: does it on the machine        ─▶ an answer, see answers ─▶ shown
                                        └─▶ Recording: what a machine answered  ─┘

What a command shows depends only on its answer, so a lesson looks the same from a recording.
"""
