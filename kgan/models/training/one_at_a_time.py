"""One thread at a time trains a model: two that do would mix up its weights, optimizers and running means."""

import contextlib
import functools
import threading
import weakref

# Beside the models, not on them: a lock is nothing to save, to copy or to send to another process.
_RUNNING = weakref.WeakKeyDictionary()  # model -> (thread, method) of all that runs on it, the outermost first
_LOCK = threading.Lock()
# What does not run within itself or each other.
_TRAINING = ("fit", "pretrain", "train_on_batch")


@contextlib.contextmanager
def alone(model, method: str):
    """Runs what changes a model, such as `fit`, while no other thread does so.

    The same thread may evaluate, compile and load within it, as callbacks do, but not train.

    Args:
        model: the model.
        method: what is called, for the message.

    Raises:
        RuntimeError: if another thread is at it, or training is called within training.
    """
    me, running = threading.get_ident(), _RUNNING.setdefault(model, [])
    entry = [me, method]
    try:
        with _LOCK:
            if running and running[0][0] != me:
                raise RuntimeError(
                    f"{method} cannot run now, because another thread is within {running[0][1]} of the same "
                    f"{type(model).__name__}: wait for that to end, or give each thread a model of its own."
                )
            outer = [name for _, name in running if name in _TRAINING]
            if outer and method in _TRAINING:
                raise RuntimeError(
                    f"{method} was called within {outer[0]} of the same {type(model).__name__}, as by a callback: call "
                    "it after that has ended."
                )
            running.append(entry)
        yield
    finally:
        with _LOCK:  # wherever Ctrl-C came, what was noted is taken away again, and nothing else
            running[:] = [other for other in running if other is not entry]


def exclusive(method):
    """A method of a model that runs `alone`."""

    @functools.wraps(method)
    def run_alone(self, *args, **kwargs):
        with alone(self, method.__name__):
            return method(self, *args, **kwargs)

    return run_alone
