using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary>What is no query, or not well-typed: refused when it is compiled, with the place.</summary>
public sealed class SyntaxTests
{
    [Theory]
    [InlineData("", 1, "a path begins with '$'")]
    [InlineData("a", 1, "a path begins with '$'")]
    [InlineData(" $", 1, "a path begins with '$'")]
    [InlineData("@.a", 1, "a path begins with '$'")]
    [InlineData("$ ", 2, "remove the blanks")]
    [InlineData("$.a\n", 4, "remove the blanks")]
    [InlineData("$a", 2, "expected '.', '..', '['")]
    [InlineData("$.a b", 5, "expected '.', '..', '['")]
    [InlineData("$.", 3, "expected a name")]
    [InlineData("$..", 4, "expected a name")]
    [InlineData("$...a", 4, "expected a name")]
    [InlineData("$. a", 3, "expected a name")]
    [InlineData("$.. a", 4, "expected a name")]
    [InlineData("$.1a", 3, "expected a name")]
    [InlineData("$.a-b", 4, "expected '.'")]
    [InlineData("$.['a']", 3, "expected a name")]
    [InlineData("$.'a'", 3, "expected a name")]
    [InlineData("$[]", 3, "expected a quoted name")]
    [InlineData("$[,0]", 3, "expected a quoted name")]
    [InlineData("$[0,]", 5, "expected a quoted name")]
    [InlineData("$[0 1]", 5, "expected ',' or ']'")]
    [InlineData("$[0", 4, "expected ',' or ']'")]
    [InlineData("$[a]", 3, "expected a quoted name")]
    [InlineData("$[$.a]", 3, "expected a quoted name")]
    [InlineData("$[+1]", 3, "expected a quoted name")]
    [InlineData("$[01]", 3, "without leading zeros")]
    [InlineData("$[-01]", 3, "without leading zeros")]
    [InlineData("$[-0]", 3, "without leading zeros")]
    [InlineData("$[-]", 3, "an index is an integer")]
    [InlineData("$[- 1]", 3, "an index is an integer")]
    [InlineData("$[1.0]", 4, "expected ',' or ']'")]
    [InlineData("$[9007199254740992]", 3, "within ±(2^53 - 1)")]
    [InlineData("$[-9007199254740992]", 3, "within ±(2^53 - 1)")]
    [InlineData("$[99999999999999999999999999]", 3, "within ±(2^53 - 1)")]
    [InlineData("$[0:9007199254740992]", 5, "within ±(2^53 - 1)")]
    [InlineData("$[1:2:3:4]", 8, "expected ',' or ']'")]
    [InlineData("$[::01]", 5, "without leading zeros")]
    [InlineData("$[\u00A01]", 3, "expected a quoted name")]
    public void TryCompile_MalformedPath_SaysWhere(string query, int position, string problem)
    {
        JsonPathError error = Queries.Refuse(query);

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Equal($"position {position} of '{query}': {error.Message}", error.ToString());
    }

    [Theory]
    [InlineData("$['a", 3, "the string is not closed")]
    [InlineData("$['a\"]", 3, "the string is not closed")]
    [InlineData("$['\\']", 3, "the string is not closed")]
    [InlineData("$['a'b']", 6, "expected ',' or ']'")]
    [InlineData("$['\\\"']", 4, "unknown escape")]
    [InlineData("$[\"\\'\"]", 4, "unknown escape")]
    [InlineData("$['\\x41']", 4, "unknown escape")]
    [InlineData("$['\\U0041']", 4, "unknown escape")]
    [InlineData("$['\\a']", 4, "unknown escape")]
    [InlineData("$['\\u123']", 4, "four hexadecimal digits")]
    [InlineData("$['\\u+123']", 4, "four hexadecimal digits")]
    [InlineData("$['\\u 123']", 4, "four hexadecimal digits")]
    [InlineData("$['\\u{61}']", 4, "four hexadecimal digits")]
    [InlineData("$['\\u12", 4, "four hexadecimal digits")]
    [InlineData("$['\\ud800']", 4, "half a surrogate pair")]
    [InlineData("$['\\udc00']", 4, "half a surrogate pair")]
    [InlineData("$['\\ud800\\u0041']", 4, "half a surrogate pair")]
    [InlineData("$['\\udc00\\ud800']", 4, "half a surrogate pair")]
    [InlineData("$['\\ud800\\n']", 4, "half a surrogate pair")]
    [InlineData("$['a\tb']", 5, "write it as \\u0009")]
    [InlineData("$['\0']", 4, "write it as \\u0000")]
    public void TryCompile_MalformedString_SaysWhere(string query, int position, string problem)
    {
        JsonPathError error = Queries.Refuse(query);

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Equal(position, error.Offset + 1);
    }

    // Not as test data: a runner that writes it down cannot say it.
    [Fact]
    public void TryCompile_HalfASurrogatePair_IsRefused()
    {
        Assert.Contains("half a surrogate pair", Queries.Refuse("$['\ud800']").Message, StringComparison.Ordinal);
        Assert.Contains("half a surrogate pair", Queries.Refuse("$['\\ud83d\ude00']").Message, StringComparison.Ordinal);
        Assert.Contains("expected a name", Queries.Refuse("$.\ud800").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("$[?]", 4, "expected a query")]
    [InlineData("$[?@.a ==]", 10, "expected a query")]
    [InlineData("$[?@.a = 1]", 8, "expected ',' or ']'")]
    [InlineData("$[?@.a === 1]", 10, "expected a query")]
    [InlineData("$[?@.a & @.b]", 8, "expected ',' or ']'")]
    [InlineData("$[?@.a &&]", 10, "expected a query")]
    [InlineData("$[?(@.a]", 8, "or ')'")]
    [InlineData("$[?(@.a", 4, "not closed")]
    [InlineData("$[?(@.a == 1) == 2]", 15, "expected ',' or ']'")]
    [InlineData("$[?!@.a == 1]", 9, "expected ',' or ']'")]
    [InlineData("$[?!!@.a]", 5, "expected a query")]
    [InlineData("$[?1 == 1 == 1]", 11, "expected ',' or ']'")]
    [InlineData("$[?true]", 4, "compare it with something")]
    [InlineData("$[?'a']", 4, "compare it with something")]
    [InlineData("$[?!1]", 5, "compare it with something")]
    [InlineData("$[?@.a == True]", 11, "expected a query")]
    [InlineData("$[?@.a == nul]", 11, "'nul' is no value")]
    [InlineData("$[?@.a == +1]", 11, "expected a query")]
    [InlineData("$[?@.a == .5]", 11, "expected a query")]
    [InlineData("$[?@.a == 1.]", 11, "a number is written as in JSON")]
    [InlineData("$[?@.a == 01]", 11, "a number is written as in JSON")]
    [InlineData("$[?@.a == -]", 11, "a number is written as in JSON")]
    [InlineData("$[?@.a == 1e]", 11, "a number is written as in JSON")]
    [InlineData("$[?@.a == 1e+-2]", 11, "a number is written as in JSON")]
    [InlineData("$[?@.a == [1]]", 11, "expected a query")]
    public void TryCompile_MalformedFilter_SaysWhere(string query, int position, string problem)
    {
        JsonPathError error = Queries.Refuse(query);

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Equal(position, error.Offset + 1);
    }

    /// <summary>RFC 9535 §2.4.9 and what else its types forbid.</summary>
    [Theory]
    [InlineData("$[?length(@) < 3]", null)]
    [InlineData("$[?length(@.*) < 3]", "length() takes a value: this query may select several")]
    [InlineData("$[?length(@['a', 'b']) < 3]", "length() takes a value")]
    [InlineData("$[?length(@..a) < 3]", "length() takes a value")]
    [InlineData("$[?length(match(@, 'a')) < 3]", "length() takes a value: this function answers true or false")]
    [InlineData("$[?length(@)]", "the result of this function is a value")]
    [InlineData("$[?count(@.*) == 1]", null)]
    [InlineData("$[?count(@.a) == 1]", null)]
    [InlineData("$[?count(1) == 1]", "count() takes a query")]
    [InlineData("$[?count(value(@.*)) == 1]", "count() takes a query")]
    [InlineData("$[?count(foo(@.*)) == 1]", "there is no function 'foo'")]
    [InlineData("$[?count(@.*)]", "the result of this function is a value")]
    [InlineData("$[?match(@.timezone, 'Europe/.*')]", null)]
    [InlineData("$[?match(@.timezone, 'Europe/.*') == true]", "it is not compared")]
    [InlineData("$[?true == search(@.a, 'b')]", "it is not compared")]
    [InlineData("$[?search(@.*, 'b')]", "search() takes a value")]
    [InlineData("$[?value(@..color) == \"red\"]", null)]
    [InlineData("$[?value(@..color)]", "the result of this function is a value")]
    [InlineData("$[?bar(@.a)]", "there is no function 'bar'")]
    [InlineData("$[?length() == 1]", "length() takes 1 argument, not 0")]
    [InlineData("$[?length(@, @) == 1]", "length() takes 1 argument, not 2")]
    [InlineData("$[?match(@)]", "match() takes 2 arguments, not 1")]
    [InlineData("$[?match(@, 'a', 'b')]", "match() takes 2 arguments, not 3")]
    [InlineData("$[?match(@, 'a',)]", "an argument is missing")]
    [InlineData("$[?count (@.*) == 1]", "'count' is no value")]
    [InlineData("$[?length(@ == 1) == 1]", "no function takes a condition")]
    [InlineData("$[?length((@)) == 1]", "no function takes a condition")]
    [InlineData("$[?@.* == 1]", "this query may select several values")]
    [InlineData("$[?1 == @[0, 1]]", "this query may select several values")]
    [InlineData("$[?@[0:1] == 1]", "this query may select several values")]
    [InlineData("$[?@[?@.a] == 1]", "this query may select several values")]
    [InlineData("$[?$..a == 1]", "this query may select several values")]
    public void TryCompile_Function_IsHeldToItsTypes(string query, string? problem)
    {
        if (problem is null)
        {
            Queries.Compile(query);
        }
        else
        {
            Assert.Contains(problem, Queries.Refuse(query).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("$", true)]
    [InlineData("$.a['b'][0][-1]", true)]
    [InlineData("$.*", false)]
    [InlineData("$..a", false)]
    [InlineData("$[0,1]", false)]
    [InlineData("$[0:1]", false)]
    [InlineData("$[?@]", false)]
    public void IsSingular_Query_SaysWhetherOneNodeAtMost(string query, bool expected) =>
        Assert.Equal(expected, Queries.Compile(query).IsSingular);
}
