"""BERT with its lower layers frozen, and accumulation whose condition is wrong: `&` for `%`, and
`and` for `or`, so that an update comes hardly ever."""

import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification, get_linear_schedule_with_warmup

EPOCHS = 2
ACCUMULATE = 4
LR = 2e-5

torch.manual_seed(3)
ids = torch.randint(0, 60, (72, 10))
loader = DataLoader(TensorDataset(ids, (ids[:, 0] > 30).long()), batch_size=8)
shape = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
model = BertForSequenceClassification(BertConfig(**shape, intermediate_size=32))

for part in [model.bert.embeddings, *model.bert.encoder.layer[:2]]:
    for parameter in part.parameters():
        parameter.requires_grad = False

steps = len(loader)
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=LR, weight_decay=0.01)
scheduler = get_linear_schedule_with_warmup(optimizer, 0, steps * EPOCHS)

for epoch in range(EPOCHS):
    for step, (inputs, labels) in enumerate(loader, start=1):
        loss = model(input_ids=inputs, labels=labels).loss / ACCUMULATE
        loss.backward()
        if step & ACCUMULATE == 0 and step == steps:
            print("lr", repr(optimizer.param_groups[0]["lr"]), "loss", loss.item())
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
