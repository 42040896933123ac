"""The command line: `kgan COMMAND`."""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command, see `kgan.cli.app.main`."""
    from kgan.cli import app  # only now: `kgan` itself imports from this package before TensorFlow is loaded

    return app.main(arguments)
