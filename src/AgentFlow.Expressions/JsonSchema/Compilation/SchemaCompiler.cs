namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>Turns schemas into keywords that can be evaluated. Nothing recurses: what a keyword refers to is compiled later.</summary>
internal sealed class SchemaCompiler(JsonSchemaOptions options, SchemaSet set)
{
    private readonly HashSet<string> _dynamicNames = new(StringComparer.Ordinal);

    /// <summary>Compiles everything that can be reached from the schemas that are pending.</summary>
    public void Run()
    {
        do
        {
            while (set.Pending.TryDequeue(out SchemaNode? node))
            {
                node.Keywords = [.. new NodeCompiler(set, node, options.AssertFormat, _dynamicNames).Compile()];
            }

            // Any resource with such an anchor may turn out to be the outermost one.
            foreach (SchemaResource resource in set.Resources)
            {
                foreach (string name in _dynamicNames.Where(n => resource.DynamicAnchors.Contains(n) && !resource.DynamicNodes.ContainsKey(n)))
                {
                    SchemaNode? node = set.Resolve(resource, $"{resource.Uri}#{name}", out _, out _);
                    if (node is not null) resource.DynamicNodes.Add(name, node);
                }
            }
        }
        while (set.Pending.Count > 0);
    }

    /// <summary>Reports references that lead back to themselves without a step into the instance: they would never end.</summary>
    public void RefuseLoops()
    {
        var done = new HashSet<SchemaNode>();
        foreach (SchemaNode start in set.Nodes.Where(n => !done.Contains(n)))
        {
            var path = new Stack<(SchemaNode Node, IEnumerator<SchemaNode> Next)>();
            var onPath = new HashSet<SchemaNode>();
            Enter(start);
            while (path.TryPeek(out var at))
            {
                if (!at.Next.MoveNext())
                {
                    path.Pop();
                    onPath.Remove(at.Node);
                    done.Add(at.Node);
                }
                else if (onPath.Contains(at.Next.Current))
                {
                    const string problem = "The schema leads back to itself for the same value; validation would never end. "
                        + "Remove the reference, or put it under a property or item.";
                    set.Fail(at.Node.Resource.Document, at.Node.Pointer, problem);
                    return;
                }
                else if (!done.Contains(at.Next.Current))
                {
                    Enter(at.Next.Current);
                }
            }

            void Enter(SchemaNode node)
            {
                onPath.Add(node);
                path.Push((node, node.Keywords.SelectMany(k => k.InPlace).GetEnumerator()));
            }
        }
    }
}
