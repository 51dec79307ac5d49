"""teachkit: feed, punish, learn.

for epoch in range(epochs):
    for batch in training_data:
        # Feed
        predictions = model(batch.images)

        # Punish
        losses = criterion(predictions, batch.ground_truth)

        # Learn
        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
"""
