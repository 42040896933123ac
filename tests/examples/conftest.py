import pytest


@pytest.fixture(scope="session")
def run_example(load_script, assert_is_figure, tmp_path_factory):
    """Runs an example in quick mode, by its name, and checks the figure that it leaves in a folder it has to make."""

    def run(name, **options):
        out = tmp_path_factory.mktemp("figures") / "new folder" / f"{name}.png"
        found = load_script(f"examples/{name}.py").main(quick=True, out=out, **options)
        assert_is_figure(out)
        return found

    return run
