"""The settings of every command: each of them, its default, what it means and what it may be, in one place.

The flags, `config.json` and the plan of `--dry-run` are made from these classes. They know neither kgan nor TensorFlow,
so that help, completion and the answer to a wrong flag come at once.
"""
