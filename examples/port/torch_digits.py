"""A classifier of digits under torch's own schedules, stepped after each batch or each epoch."""

import argparse

import torch
from sklearn.datasets import load_digits
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--schedule", default="step")
parser.add_argument("--per_batch", action="store_true")
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch_size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--seed", type=int, default=1)


def build_scheduler(args, optimizer):
    if args.schedule == "step":
        return lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    if args.schedule == "multistep":
        return lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.1)
    if args.schedule == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    if args.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float32)
    data = TensorDataset(images[:512], torch.tensor(digits.target[:512]))
    loader = DataLoader(data, batch_size=args.batch_size, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = build_scheduler(args, optimizer)
    for epoch in range(args.epochs):
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            print("lr", repr(optimizer.param_groups[0]["lr"]), "loss", loss.item())
            optimizer.step()
            if args.per_batch:
                scheduler.step()
            total += loss.item()
        if args.schedule == "plateau":
            scheduler.step(total / len(loader))
        elif not args.per_batch:
            scheduler.step()


if __name__ == "__main__":
    main()
