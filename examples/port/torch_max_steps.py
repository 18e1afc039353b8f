"""Fine-tuning as pytorch_transformers' examples did it: WarmupLinearSchedule, its length from
max_steps or from epochs, groups without decay, accumulation."""

import argparse

import torch
from pytorch_transformers import AdamW, WarmupLinearSchedule
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--per_gpu_train_batch_size", type=int, default=8)
parser.add_argument("--gradient_accumulation_steps", type=int, default=2)
parser.add_argument("--learning_rate", type=float, default=5e-5)
parser.add_argument("--weight_decay", type=float, default=0.0)
parser.add_argument("--adam_epsilon", type=float, default=1e-8)
parser.add_argument("--max_grad_norm", type=float, default=1.0)
parser.add_argument("--num_train_epochs", type=int, default=3)
parser.add_argument("--max_steps", type=int, default=-1)
parser.add_argument("--warmup_steps", type=int, default=0)
parser.add_argument("--seed", type=int, default=42)


def train(args, dataset, model):
    loader = DataLoader(dataset, batch_size=args.per_gpu_train_batch_size, shuffle=True)
    if args.max_steps > 0:
        t_total = args.max_steps
        args.num_train_epochs = (
            args.max_steps // (len(loader) // args.gradient_accumulation_steps) + 1
        )
    else:
        t_total = len(loader) // args.gradient_accumulation_steps * args.num_train_epochs

    no_decay = ["bias", "LayerNorm.weight"]
    groups = [
        {
            "params": [
                p for n, p in model.named_parameters() if not any(nd in n for nd in no_decay)
            ],
            "weight_decay": args.weight_decay,
        },
        {
            "params": [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay)],
            "weight_decay": 0.0,
        },
    ]
    optimizer = AdamW(groups, lr=args.learning_rate, eps=args.adam_epsilon)
    scheduler = WarmupLinearSchedule(optimizer, warmup_steps=args.warmup_steps, t_total=t_total)

    global_step = 0
    model.zero_grad()
    for _ in range(int(args.num_train_epochs)):
        for step, (x, y) in enumerate(loader):
            loss = torch.nn.functional.cross_entropy(model(x), y)
            if args.gradient_accumulation_steps > 1:
                loss = loss / args.gradient_accumulation_steps
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            if (step + 1) % args.gradient_accumulation_steps == 0:
                print("lr", repr(optimizer.param_groups[0]["lr"]), "loss", loss.item())
                optimizer.step()
                scheduler.step()
                model.zero_grad()
                global_step += 1
            if 0 < args.max_steps <= global_step:
                break
        if 0 < args.max_steps <= global_step:
            break


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(96, 8)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    train(args, TensorDataset(x, (x[:, 0] > 0).long()), model)


if __name__ == "__main__":
    main()
