using System.Text.Json.Nodes;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Bridge;
using AgentFlow.Server.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace AgentFlow.Server.Features.Docs;

/// <summary>Completes the OpenAPI document with what <see cref="EndpointNotes"/> say.</summary>
internal static class ApiDescription
{
    private const string DocumentName = "v1";
    private const string BearerScheme = "bearer";

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi(DocumentName, options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "AgentFlow",
                Version = "1",
                Description = "Runs fleets of AI agents durably. Errors are problem details (RFC 9457) with a stable `code`; lists give `next_cursor` and `total_count`; reads have strong ETags.",
            };
            // The reader's own address is the right one, whatever name it was reached by.
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
            {
                [BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "An API key (`afk_…`) or an access token. A server that does not ask who is calling needs none.",
                },
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(DescribeAsync);
        options.AddSchemaTransformer((schema, context, _) =>
        {
            // The converter that writes times hides their type from the generator.
            if (context.JsonTypeInfo.Type == typeof(DateTimeOffset) || context.JsonTypeInfo.Type == typeof(DateTimeOffset?))
            {
                schema.Type = JsonSchemaType.String | (context.JsonTypeInfo.Type == typeof(DateTimeOffset?) ? JsonSchemaType.Null : 0);
                schema.Format = "date-time";
            }

            return Task.CompletedTask;
        });
    });

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        IList<object> notes = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Parameters ??= [];
        foreach (ParameterNote note in notes.OfType<ParameterNote>())
        {
            operation.Parameters.Add(Parameter(note));
        }

        bool isBridge = context.Description.RelativePath?.StartsWith(BridgeErrors.Base[1..], StringComparison.Ordinal) == true;
        if (context.Description.RelativePath?.StartsWith(AgentFlowApp.ApiBase[1..], StringComparison.Ordinal) == true || (isBridge && notes.OfType<AccessRule>().Any(r => r.OpenBecause is null)))
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = Tenant.Header,
                In = ParameterLocation.Header,
                Description = "Whose data this is about, on a server that does not ask who is calling. Elsewhere the credentials say it, and another tenant's name here is refused.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = Tenant.Pattern, Default = JsonValue.Create(Tenant.Default) },
            });
        }

        if (notes.OfType<AccessRule>().FirstOrDefault() is { OpenBecause: null } rule)
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, context.Document)] = [] }];
            operation.Extensions ??= new Dictionary<string, IOpenApiExtension>(StringComparer.Ordinal);
            operation.Extensions["x-permission"] = new JsonNodeExtension(JsonValue.Create(rule.Permission?.Name ?? "any"));
        }

        foreach (BodyNote note in notes.OfType<BodyNote>())
        {
            OpenApiRequestBody body = await BodyAsync(note, context, cancellationToken).ConfigureAwait(false);
            if (notes.OfType<ExampleNote>().FirstOrDefault() is { } shown)
            {
                body.Content![RequestBody.Json].Example = JsonNode.Parse(shown.Json);
            }

            operation.RequestBody = body;
        }

        foreach (AnswerNote note in notes.OfType<AnswerNote>())
        {
            string status = note.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
            if (operation.Responses?.TryGetValue(status, out IOpenApiResponse? response) == true)
            {
                response.Description = note.Description;
            }
        }

        if (isBridge)
        {
            await ShapeErrorsAsync(operation, context, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Under the bridge's addresses errors look as agents expect them.</summary>
    private static async Task ShapeErrorsAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        OpenApiSchema schema = await context.GetOrCreateSchemaAsync(typeof(BridgeErrorView), null, cancellationToken).ConfigureAwait(false);
        foreach (OpenApiResponse response in (operation.Responses ?? []).Where(r => r.Key[0] is '4' or '5').Select(r => r.Value).OfType<OpenApiResponse>())
        {
            response.Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [RequestBody.Json] = new OpenApiMediaType { Schema = schema } };
        }
    }

    private static OpenApiParameter Parameter(ParameterNote note) => new()
    {
        Name = note.Name,
        In = note.In == "header" ? ParameterLocation.Header : ParameterLocation.Query,
        Description = note.Description,
        Schema = new OpenApiSchema
        {
            Type = note.Type switch
            {
                "integer" => JsonSchemaType.Integer,
                "boolean" => JsonSchemaType.Boolean,
                _ => JsonSchemaType.String,
            },
            Minimum = note.Least?.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Maximum = note.Most?.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Default = note.Default is null ? null : note.Type == "string" ? JsonValue.Create(note.Default) : JsonNode.Parse(note.Default),
            Enum = note.Words.Count == 0 ? null : [.. note.Words.Select(w => (JsonNode)JsonValue.Create(w)!)],
        },
    };

    private static async Task<OpenApiRequestBody> BodyAsync(BodyNote note, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        OpenApiSchema schema = await context.GetOrCreateSchemaAsync(note.Type, null, cancellationToken).ConfigureAwait(false);
        var body = new OpenApiRequestBody
        {
            Required = note.IsRequired,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [RequestBody.Json] = new OpenApiMediaType { Schema = schema } },
        };
        foreach (string type in note.TextTypes)
        {
            body.Content[type] = new OpenApiMediaType { Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
        }

        return body;
    }
}
