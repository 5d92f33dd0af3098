using System.Collections.Frozen;
using System.Reflection;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Docs;

/// <summary>The API's description, and a page to read and try it, out of this assembly.</summary>
internal static class DocsFeature
{
    private const string Tag = "Docs";
    private const string Public = "It is the same on every server of this version.";

    // The page loads nothing from elsewhere and runs nothing inline.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly Lazy<FrozenDictionary<string, byte[]>> Files = new(() =>
    {
        Assembly assembly = typeof(DocsFeature).Assembly;
        return assembly.GetManifestResourceNames().ToFrozenDictionary(n => n, n => Read(assembly, n), StringComparer.Ordinal);
    });

    public static void MapDocs(this IEndpointRouteBuilder root)
    {
        root.MapOpenApi($"{AgentFlowApp.ApiBase}/openapi.json").IsOpenToAnyone(Public);
        root.MapGet("/docs", (HttpContext context, CancellationToken _) => FileAsync(context, "docs/index.html", "text/html; charset=utf-8"))
            .Says("readDocs", Tag, "The API's documentation, to read and to try")
            .IsOpenToAnyone(Public)
            .Gives(200, "A page.", "text/html").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails();
        root.MapGet("/docs/{file}", (HttpContext context, string file) => FileAsync(context, "docs/" + file, TypeOf(file))).ExcludeFromDescription().IsOpenToAnyone(Public);
        root.MapGet("/docs/errors/{code}", (HttpContext context, string code) => FileAsync(context, "errors/" + code, "text/plain; charset=utf-8"))
            .Says("readErrorPage", Tag, "What an error code means and what to do about it", "The `type` of a problem leads here.")
            .IsOpenToAnyone(Public)
            .Gives(200, "Markdown.", "text/plain").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.NotFound);
    }

    private static Task FileAsync(HttpContext context, string name, string type)
    {
        if (!Files.Value.TryGetValue(name, out byte[]? content))
        {
            throw new ProblemException(ErrorCode.NotFound, "There is no such page.");
        }

        context.Response.Headers.ContentSecurityPolicy = Policy;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        return Reply.TaggedAsync(context, type, content);
    }

    private static string TypeOf(string file) => Path.GetExtension(file) switch
    {
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };

    private static byte[] Read(Assembly assembly, string name)
    {
        using Stream stream = assembly.GetManifestResourceStream(name)!;
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
