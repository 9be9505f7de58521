"""What `experiments.benchmark` measures, how, and how it tells.

`shapes` and `synthetic_data` say what the work is, `cases` which measurements there
are, `measuring` how one is taken. `one_case` takes one, `running` starts its process or
the peers', `session` all of them. `peers` knows whose work is the same, `comparison`
puts it side by side, `targets` holds it against what was aimed at, `report` writes it
down.
"""
