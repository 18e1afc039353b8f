"""A classifier of digits under Paddle's own schedules, stepped after each batch or each epoch."""

import argparse

import paddle
from paddle.optimizer import lr
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--schedule", default="step")
parser.add_argument("--per_batch", action="store_true")
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch_size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--seed", type=int, default=1)


def build_scheduler(args):
    if args.schedule == "step":
        return lr.StepDecay(args.lr, step_size=2, gamma=0.5)
    if args.schedule == "multistep":
        return lr.MultiStepDecay(args.lr, milestones=[1, 3], gamma=0.1)
    if args.schedule == "exponential":
        return lr.ExponentialDecay(args.lr, gamma=0.9)
    if args.schedule == "cosine":
        return lr.CosineAnnealingDecay(args.lr, T_max=4)
    return lr.ReduceOnPlateau(args.lr, factor=0.5, patience=0)


class Digits(paddle.io.Dataset):
    """The first 512 of scikit-learn's."""

    def __init__(self):
        digits = load_digits()
        self.images = (digits.data[:512] / 16).astype("float32")
        self.labels = digits.target[:512].astype("int64")

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


def main():
    args = parser.parse_args()
    paddle.seed(args.seed)
    loader = paddle.io.DataLoader(Digits(), batch_size=args.batch_size, shuffle=True)
    model = paddle.nn.Sequential(
        paddle.nn.Linear(64, 32), paddle.nn.ReLU(), paddle.nn.Linear(32, 10)
    )
    scheduler = build_scheduler(args)
    optimizer = paddle.optimizer.Momentum(
        learning_rate=scheduler, momentum=0.9, parameters=model.parameters()
    )
    for epoch in range(args.epochs):
        total = 0.0
        for images, labels in loader:
            loss = paddle.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            print("lr", repr(optimizer.get_lr()), "loss", loss.item())
            optimizer.step()
            optimizer.clear_grad()
            if args.per_batch:
                scheduler.step()
            total += float(loss)
        if args.schedule == "plateau":
            scheduler.step(total / len(loader))
        elif not args.per_batch:
            scheduler.step()


if __name__ == "__main__":
    main()
