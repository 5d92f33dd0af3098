namespace AgentFlow.Models.Retrieval;

/// <summary>A piece of an article that is found, shown and cited as one.</summary>
/// <param name="Id">The article's id, with <c>#n</c> for the second and later pieces.</param>
/// <param name="Title">The article's title, with the section's heading where there is one.</param>
/// <param name="Text">The text as written, Markdown included.</param>
internal sealed record Passage(string Id, string Title, string Text);
