import pytest


@pytest.fixture
def figures(monkeypatch):
    """The matplotlib figures that were saved."""
    from matplotlib.figure import Figure

    saved, savefig = [], Figure.savefig

    def spy(self, *args, **kwargs):
        saved.append(self)
        return savefig(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", spy)
    return saved
