using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Tools;

/// <summary>The addresses under <c>/tools</c>.</summary>
internal static class ToolsFeature
{
    private const string Tag = "Tools";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    public static void MapTools(this IEndpointRouteBuilder api, ToolEndpoints tools)
    {
        api.MapGet("/tools", tools.ListAsync)
            .Says("listTools", Tag, "List the tools that workflows may call")
            .Needs(Permission.ToolsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, new ParameterNote("sort", "string", "The order.") { Words = ["id", "-id"], Default = "id" })
            .Gives<PageView<ToolView>>(200, "Contracts by id.").Gives(304, Unchanged)
            .Fails();
        api.MapGet("/tools/{id}", tools.GetAsync)
            .Says("getTool", Tag, "Read a tool's contract")
            .Needs(Permission.ToolsRead)
            .Gives<ToolView>(200, "The contract.").Gives(304, Unchanged)
            .Fails(ErrorCode.ToolNotFound);
    }
}
