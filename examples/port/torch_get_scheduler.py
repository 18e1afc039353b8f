"""Fine-tuning as transformers' course does it: get_scheduler with the number of training steps."""

import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import get_scheduler

torch.manual_seed(0)
x = torch.randn(64, 8)
train_dataloader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), shuffle=True, batch_size=8)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))

optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
num_epochs = 3
num_training_steps = num_epochs * len(train_dataloader)
lr_scheduler = get_scheduler(
    name="linear",
    optimizer=optimizer,
    num_warmup_steps=0,
    num_training_steps=num_training_steps,
)

model.train()
for epoch in range(num_epochs):
    for inputs, labels in train_dataloader:
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        print("lr", repr(optimizer.param_groups[0]["lr"]), "loss", loss.item())
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad()
