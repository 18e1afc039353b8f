"""Half precision as torch's pages show it: gradients are unscaled before they are clipped."""

import argparse

import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import get_cosine_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=3e-4)
parser.add_argument("--weight_decay", type=float, default=0.05)
parser.add_argument("--clip", type=float, default=1.0)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--device", default="cuda")
args = parser.parse_args()

torch.manual_seed(7)
x = torch.randn(64, 8)
loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), shuffle=True, batch_size=8)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
model.to(args.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
scheduler = get_cosine_schedule_with_warmup(optimizer, 4, len(loader) * args.epochs)
scaler = torch.amp.GradScaler(args.device)

for epoch in range(args.epochs):
    for inputs, labels in loader:
        optimizer.zero_grad()
        with torch.autocast(device_type=args.device, dtype=torch.float16):
            outputs = model(inputs.to(args.device))
            loss = torch.nn.functional.cross_entropy(outputs, labels.to(args.device))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        print("lr", repr(optimizer.param_groups[0]["lr"]), "loss", loss.item())
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
