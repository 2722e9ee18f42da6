#include "cli/command_line.h"

#include <gtest/gtest.h>

#include "cli/document.h"
#include "cli/http_client.h"

namespace sluice::cli {
namespace {

Result<CommandLine> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "sluice");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}
std::string mistake(std::vector<std::string> words) {
  const Result<CommandLine> line = parse(std::move(words));
  return line ? "no mistake" : line.error().message();
}

TEST(CommandLine, TakesOneInputPerFlagWhateverItLooksLike) {
  const auto line = parse({"run", "-i", "a=[1,2]", "flow", "-i", "b=-5", "--input", "c=x y", "-i",
                           "d=--help", "-i", "e="});
  ASSERT_TRUE(line) << line.error().message();
  const auto& run = std::get<RunCommand>(line->command);
  EXPECT_EQ(run.workflow, "flow");
  std::string seen;
  for (const Given& given : run.inputs) seen += given.name + ":" + given.text + ";";
  EXPECT_EQ(seen, "a:[1,2];b:-5;c:x y;d:--help;e:;");
}

TEST(CommandLine, KnowsTheOptionsOfRun) {
  const auto line = parse({"run", "app.flow", "--timeout", "1m30s", "--key", "k", "--out", "d",
                           "-o", "json", "--url", "http://h"});
  ASSERT_TRUE(line) << line.error().message();
  const auto& run = std::get<RunCommand>(line->command);
  EXPECT_EQ(run.timeout, "1m30s");
  EXPECT_EQ(run.key, "k");
  EXPECT_EQ(run.out_directory, "d");
  EXPECT_EQ(run.format, Format::kJson);
  EXPECT_EQ(line->url, "http://h");
}

TEST(CommandLine, KnowsWhereAnExportGoesAndWhoRunsIt) {
  const auto line = parse({"export", "app/words.py"});
  ASSERT_TRUE(line) << line.error().message();
  const auto& plain = std::get<ExportCommand>(line->command);
  EXPECT_EQ(plain.file, "app/words.py");
  EXPECT_EQ(plain.output, "");
  EXPECT_EQ(plain.python, "/usr/bin/python3");
  const auto other = parse({"export", "-o", "sluice.yaml", "w.py", "--python", "python3.12"});
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_EQ(std::get<ExportCommand>(other->command).output, "sluice.yaml");
  EXPECT_EQ(std::get<ExportCommand>(other->command).python, "python3.12");
  EXPECT_NE(mistake({"export"}).find("FILE"), std::string::npos);
}

TEST(CommandLine, AMinusMakesNoOptionOfAnExpression) {
  const std::vector<std::vector<std::string>> lines{{"eval", "-x + 1", "--json", "-"},
                                                    {"eval", "--json", "-", "-x + 1"},
                                                    {"eval", "--json=-", "--", "-x + 1"}};
  for (const auto& words : lines) {
    const auto line = parse(words);
    ASSERT_TRUE(line) << line.error().message();
    EXPECT_EQ(std::get<EvalCommand>(line->command).expression, "-x + 1");
    EXPECT_EQ(std::get<EvalCommand>(line->command).json_path, "-");
  }
  EXPECT_NE(mistake({"eval"}).find("EXPRESSION"), std::string::npos);
  EXPECT_NE(mistake({"eval", "--jsn", "x", "1"}).find("sluice eval --help"), std::string::npos);
}

TEST(CommandLine, RefusesWhatDoesNotGoTogether) {
  EXPECT_NE(mistake({"run", "f", "--detach", "--out", "d"}).find("--detach"), std::string::npos);
  EXPECT_NE(mistake({"run", "f", "--output", "x"}).find("-o raw"), std::string::npos);
  EXPECT_NE(mistake({"run", "f", "--timeout", "0s"}).find("--timeout"), std::string::npos);
  EXPECT_NE(mistake({"run", "f", "--key", "a b"}).find("--key"), std::string::npos);
  EXPECT_NE(mistake({"run", "f", "-o", "yaml"}).find("yaml"), std::string::npos);
  EXPECT_NE(mistake({"get", "workers", "--state", "x"}).find("--state"), std::string::npos);
  EXPECT_NE(mistake({"get"}).find("KIND"), std::string::npos);
  EXPECT_NE(mistake({"delete", "run"}).find("NAME"), std::string::npos);
  EXPECT_NE(mistake({"cancel", "a", "b"}).find("--help"), std::string::npos);
  EXPECT_NE(mistake({"rnu", "f"}).find("did you mean 'run'?"), std::string::npos);
}

TEST(CommandLine, ShowsHelpInEveryWayItIsAskedFor) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--help"},
                                                {"-h"},
                                                {"help"},
                                                {"help", "run"},
                                                {"run", "--help"},
                                                {"get", "-h"}}) {
    const auto line = parse(words);
    ASSERT_TRUE(line) << line.error().message();
    ASSERT_TRUE(std::holds_alternative<ShowText>(line->command));
    EXPECT_NE(std::get<ShowText>(line->command).text.find("sluice"), std::string::npos);
  }
}

TEST(Addresses, AreCheckedAndSegmentsEscaped) {
  EXPECT_EQ(parse_server_url("http://h:1/base///").value(), "http://h:1/base");
  EXPECT_EQ(parse_server_url("https://[::1]:7600").value(), "https://[::1]:7600");
  for (const char* wrong : {"", "h:1", "file:///etc", "http://", "http://:1", "http://a b",
                            "http://h/?a", "http://h#x"}) {
    EXPECT_FALSE(parse_server_url(wrong)) << wrong;
  }
  EXPECT_EQ(escape_segment("a.b-c_d~1@2"), "a.b-c_d~1@2");
  EXPECT_EQ(escape_segment("../\xc3\xa4 ?"), "..%2F%C3%A4%20%3F");
  EXPECT_EQ(escape_segment(".."), "%2E%2E");
}

TEST(Documents, TellHowLongSomethingTook) {
  EXPECT_EQ(duration_text("2026-11-21T22:10:54.900000Z", "2026-11-21T22:10:56.400000Z"), "1.5 s");
  EXPECT_EQ(duration_text("2026-12-31T23:59:59Z", "2027-01-01T00:00:00.250Z"), "1.25 s");
  EXPECT_EQ(duration_text("", "2027-01-01T00:00:00Z"), "");
  EXPECT_EQ(duration_text("garbage", "2027-01-01T00:00:00Z"), "");
}

TEST(CommandLine, KnowsTheOptionsOfGraphAndExplain) {
  const auto plain = parse({"graph"});
  ASSERT_TRUE(plain) << plain.error().message();
  const auto& here = std::get<GraphCommand>(plain->command);
  EXPECT_EQ(here.directory, ".");
  EXPECT_EQ(here.workflow, "");
  EXPECT_EQ(here.format, "svg");
  const auto all = parse({"graph", "-f", "app", "flow", "-o", "dot", "--output", "g.dot"});
  ASSERT_TRUE(all) << all.error().message();
  const auto& graph = std::get<GraphCommand>(all->command);
  EXPECT_EQ(graph.directory, "app");
  EXPECT_EQ(graph.workflow, "flow");
  EXPECT_EQ(graph.format, "dot");
  EXPECT_EQ(graph.output, "g.dot");
  const auto explained = parse({"explain", "flow", "-f", "app"});
  ASSERT_TRUE(explained) << explained.error().message();
  EXPECT_EQ(std::get<ExplainCommand>(explained->command).name, "flow");
  EXPECT_NE(mistake({"graph", "-o", "png"}).find("png not in {svg,dot}"), std::string::npos)
      << mistake({"graph", "-o", "png"});
  EXPECT_NE(mistake({"explain"}).find("WORKFLOW is required"), std::string::npos);
}

TEST(CommandLine, KnowsTheOptionsOfDevAndDoctor) {
  const auto dev = parse({"dev", "app", "--listen", "127.0.0.1:0", "--data", "d"});
  ASSERT_TRUE(dev) << dev.error().message();
  EXPECT_EQ(std::get<DevCommand>(dev->command).directory, "app");
  EXPECT_EQ(std::get<DevCommand>(dev->command).listen, "127.0.0.1:0");
  EXPECT_EQ(std::get<DevCommand>(dev->command).data, "d");
  const auto doctor = parse({"doctor", "-o", "json"});
  ASSERT_TRUE(doctor) << doctor.error().message();
  EXPECT_EQ(std::get<DoctorCommand>(doctor->command).format, Format::kJson);
  // They ask no server that is there already.
  EXPECT_NE(mistake({"dev", "app", "--url", "http://h"}).find("--url"), std::string::npos);
  EXPECT_NE(mistake({"dev"}).find("DIR is required"), std::string::npos);
}

TEST(CommandLine, CompletesWhatPeopleUseAlone) {
  const auto script = parse({"completion", "bash"});
  ASSERT_TRUE(script) << script.error().message();
  const std::string& text = std::get<ShowText>(script->command).text;
  EXPECT_NE(text.find("graph) options=\"--help --folder --format --output --url\" "
                      "valued=\"-f --folder -o --format --output --url\""),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("--page"), std::string::npos);  // For the documentation.
}

}  // namespace
}  // namespace sluice::cli
