"""The discriminator's loss with its gradient penalties: one function for all models that play against one."""

from keras import ops

from kgan import backend


def discriminator_loss(judge, real, fake, loss, penalties, seed_generator):
    """The adversarial loss plus the penalties.

    Args:
        judge: function of a batch of samples to float32 logits `(batch, 1)`, the discriminator as it trains.
        real: batch of samples of the data.
        fake: as many of the generator.
        loss: an adversarial loss, see `kgan.losses.get`.
        penalties: list of gradient penalties, see `kgan.losses`.
        seed_generator: where penalties draw the points at which they look.

    Returns:
        `(scalar, logs)`: the loss, and the mean logits and each penalty by name.
    """
    points = [penalty.points(real, fake, seed_generator) for penalty in penalties]
    gradients, logits = {}, {}
    # Real and fake go through separately: in one batch, batch norm would mix their statistics.
    for samples in (real, fake, *points):
        if id(samples) in logits:
            continue
        if any(samples is point for point in points):
            logits[id(samples)], gradients[id(samples)] = backend.value_and_input_gradient(judge, samples)
        else:
            logits[id(samples)] = judge(samples)
    real_logits, fake_logits = logits[id(real)], logits[id(fake)]
    total = loss.discriminator_loss(real_logits, fake_logits)
    logs = {"real_output": ops.mean(real_logits), "fake_output": ops.mean(fake_logits)}
    for penalty, point in zip(penalties, points, strict=True):
        logs[penalty.name] = penalty.value(gradients[id(point)])
        total += logs[penalty.name]
    return total, logs
