using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Features.Runs;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class EventJsonTests
{
    private static readonly WorkflowDefinition Loop = Journals.Definition(Flows.Loop(3));

    [Fact]
    public void TypeOf_EveryTag_HasItsOwnSnakeCaseName()
    {
        string[] names = [.. Enum.GetValues<EventTag>().Select(EventJson.TypeOf)];
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.All(names, n => Assert.Matches("^[a-z]+(_[a-z]+)*$", n));
    }

    [Fact]
    public void Samples_CoverEveryTag() => Assert.Equal(Enum.GetValues<EventTag>(), Journals.OneOfEach.Select(e => e.Tag).Distinct().Order());

    [Theory]
    [MemberData(nameof(Definitions))]
    public void Render_EveryEvent_IsOneLineOfJsonWithTheCommonMembers(bool known)
    {
        EventText[] texts = EventText.Render(40, Journals.OneOfEach, new Visits(known ? Loop : null));
        for (int i = 0; i < texts.Length; i++)
        {
            JsonElement json = JsonElement.Parse(texts[i].Json.Span);
            Assert.Equal(40 + i, json.GetProperty("seq").GetInt64());
            Assert.Equal(texts[i].Type, json.GetProperty("type").GetString());
            Assert.Equal(Journals.OneOfEach[i].IsCause, json.GetProperty("cause").GetBoolean());
            Assert.EndsWith("Z", json.GetProperty("at").GetString());
            Assert.Equal(-1, texts[i].Json.Span.IndexOfAny((byte)'\n', (byte)'\r'));
        }
    }

    public static TheoryData<bool> Definitions => [true, false];

    [Theory]
    [InlineData(EventTag.NodeEntered, """{"id":"1","node":"again","path":"again#1","kind":"tool","visit":1,"parent":""}""")]
    [InlineData(EventTag.StepScheduled, """{"id":"1","node":"again","path":"again#1","input":[1, 2]}""")]
    [InlineData(EventTag.StepStarted, """{"id":"1","node":"again","path":"again#1","attempt":1,"kind":"tool","target":"skill.echo","reserved_dollars":0.000000005,"over_budget":true}""")]
    [InlineData(EventTag.StepSucceeded, """{"id":"1","node":"again","path":"again#1","attempt":2,"kind":"tool","target":"skill.echo","output":"out","cost_dollars":1.5,"tokens":{"input":10,"output":20},"provider":"local"}""")]
    [InlineData(EventTag.StepFailed, """{"id":"1","node":"again","path":"again#1","attempt":1,"kind":"tool","target":"skill.echo","error":{"code":"TOO_BUSY","category":"TRANSIENT","message":"Come back later.","retryable":true,"retry_after_ms":2000},"cost_dollars":0.000000007}""")]
    [InlineData(EventTag.RetryScheduled, """{"id":"1","node":"again","path":"again#1","generation":1,"due":"2023-11-14T22:13:29Z"}""")]
    [InlineData(EventTag.Transitioned, """{"path":"","from":"again","to":"again","rule":"condition","condition":"steps.again.visits < 3"}""")]
    [InlineData(EventTag.NodeSkipped, """{"node":"done","parent":""}""")]
    [InlineData(EventTag.SignalReceived, """{"name":"go","payload":true}""")]
    [InlineData(EventTag.StepResolved, """{"id":"1","node":"again","path":"again#1","resolution":"succeed","output":null,"by":"api"}""")]
    [InlineData(EventTag.RunRestricted, """{"permissions":["network.http"],"allowed_tools":["skill.*"]}""")]
    [InlineData(EventTag.RunStartsRestricted, """{"starts":[{"workflows":["support*"],"max_run_cost_dollars":0.05},{"workflows":null,"max_run_cost_dollars":0.001}]}""")]
    [InlineData(EventTag.StepAnswered, """{"id":"1","node":"again","path":"again#1","kind":"tool","target":"skill.echo","generation":0,"output":7,"error":null,"cost_dollars":0.000000003,"by":"agent:far"}""")]
    [InlineData(EventTag.CompensationPlanned, """{"id":"1","node":"again","path":"again#1","input":{"id":7},"error":null}""")]
    [InlineData(EventTag.RunAdopted, """{"parent":"01ARZ3NDEKTSV4RRFFQ69G5FAV","step":"3","generation":1,"depth":2,"budget_dollars":5}""")]
    [InlineData(EventTag.ChildStarted, """{"id":"1","node":"again","path":"again#1","attempt":1,"child":"01ARZ3NDEKTSV4RRFFQ69G5FAV","workflow":"billing","version":"1.2.0","definition_hash":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","reserved_dollars":0.00000004}""")]
    [InlineData(EventTag.PlaceLeft, """{"id":"1","node":"again","path":"again#1","kind":"semaphore","name":"ledger","held":true}""")]
    [InlineData(EventTag.RunCompleted, """{"outcome":"answered","output":{}}""")]
    public void Render_Members_AreReadable(EventTag tag, string members)
    {
        EventText[] texts = EventText.Render(0, Journals.OneOfEach, new Visits(Loop));
        int index = Journals.OneOfEach.ToList().FindLastIndex(e => e.Tag == tag);
        string json = System.Text.Encoding.UTF8.GetString(texts[index].Json.Span);
        Assert.EndsWith(members[1..], json);
    }
}
