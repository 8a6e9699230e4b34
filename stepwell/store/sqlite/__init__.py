"""The store in one SQLite file.

A call on the event loop becomes a job in one of three lanes (`lane`): the writer's (`writer`, group commit), the
reader's or the lister's (`reader`). What the jobs do is in `turns` and `turn_sql` (commits), `executions`, `waiting`,
`catalog` and `versions`. `files`, `lock`, `connection` and `schema` open and close the database. `faults` names what
can go wrong.
"""
