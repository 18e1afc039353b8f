"""Fine-tuning as paddlenlp's examples do it: LinearDecayWithWarmup, and a filter of the decay."""

import argparse

import numpy as np
import paddle
from paddlenlp.transformers import LinearDecayWithWarmup

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=5e-5)
parser.add_argument("--weight_decay", type=float, default=0.01)
parser.add_argument("--warmup_proportion", type=float, default=0.1)
parser.add_argument("--batch_size", type=int, default=16)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=1000)


class Classifier(paddle.nn.Layer):
    """An embedding, its mean, a norm and a layer."""

    def __init__(self):
        super().__init__()
        self.embedding = paddle.nn.Embedding(100, 16)
        self.norm = paddle.nn.LayerNorm(16)
        self.classifier = paddle.nn.Linear(16, 2)

    def forward(self, ids):
        return self.classifier(self.norm(self.embedding(ids).mean(1)))


class Sentences(paddle.io.Dataset):
    """Numbers in place of words."""

    def __init__(self, count):
        draw = np.random.default_rng(0)
        self.ids = draw.integers(0, 100, (count, 12))
        self.labels = (self.ids[:, 0] < 50).astype("int64")

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        return self.ids[index], self.labels[index]


def do_train(args):
    paddle.seed(args.seed)
    model = Classifier()
    loader = paddle.io.DataLoader(Sentences(160), batch_size=args.batch_size, shuffle=True)
    num_training_steps = len(loader) * args.epochs
    lr_scheduler = LinearDecayWithWarmup(
        args.learning_rate, num_training_steps, args.warmup_proportion
    )
    decay_params = [
        p.name for n, p in model.named_parameters() if not any(nd in n for nd in ["bias", "norm"])
    ]
    optimizer = paddle.optimizer.AdamW(
        learning_rate=lr_scheduler,
        parameters=model.parameters(),
        weight_decay=args.weight_decay,
        apply_decay_param_fun=lambda x: x in decay_params,
        grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0),
    )
    criterion = paddle.nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        for ids, labels in loader:
            loss = criterion(model(ids), labels)
            loss.backward()
            print("lr", repr(optimizer.get_lr()), "loss", loss.item())
            optimizer.step()
            lr_scheduler.step()
            optimizer.clear_grad()


if __name__ == "__main__":
    do_train(parser.parse_args())
