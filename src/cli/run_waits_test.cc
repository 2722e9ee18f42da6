#include "cli/run_waits.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

constexpr std::string_view kWorkflow = R"({"name": "a.w", "steps": [
  {"name": "split", "call": "split", "in": {}}, {"name": "count", "call": "count", "in": {}},
  {"name": "pause", "wait": true, "in": {"time": "30s"}}, {"name": "ask", "wait": true, "in": {}},
  {"name": "mail", "call": "mail", "in": {}}], "links": [
  {"from": "inputs.text", "to": "split", "carries": "value"},
  {"from": "split", "to": "count", "carries": "elements"},
  {"from": "count", "to": "mail", "carries": "list"}, {"from": "ask", "to": "mail", "carries": "after"}]})";

std::string explained(std::string_view run) {
  RunPicture picture;
  picture.run = parse_json(run).value();
  picture.workflows[""] = parse_json(kWorkflow).value();
  return explain_run(picture);
}

TEST(RunWaits, NamesTheStepsThatAnUnfinishedOneWaitsFor) {
  EXPECT_EQ(explained(R"({"id": "01", "workflow": "a.w", "state": "RUNNING", "steps": [
    {"name": "split", "total": 1, "total_is_final": true, "succeeded": 1},
    {"name": "count", "total": 8, "total_is_final": true, "waiting": 2, "running": 2, "ready": 1, "succeeded": 3},
    {"name": "pause", "total": 1, "total_is_final": true, "running": 1},
    {"name": "ask", "total": 1, "total_is_final": true, "running": 1},
    {"name": "mail", "total": 1, "total_is_final": true, "waiting": 1}]})"),
            R"(run 01 of a.w: RUNNING
ended: split

count
  - 2 of 8 tasks are running
  - 1 of 8 tasks could start: for a worker and a processor they wait their turn
  - 2 of 8 tasks: waiting for inputs of the run, or for commits

pause
  - its task waits for its time: 30s

ask
  - its task waits for an answer: `sluice answer 01 ask -i NAME=VALUE`

mail
  - its task: waiting for count (its whole list; 3 of 8 tasks ended), ask (its end (`after`); no task ended)
)");
}

TEST(RunWaits, SaysThatMoreTasksMayComeWhileAListGrows) {
  EXPECT_EQ(explained(R"({"id": "01", "workflow": "a.w", "state": "RUNNING", "steps": [
    {"name": "split", "total": 1, "total_is_final": true, "running": 1},
    {"name": "count", "total": 3, "total_is_final": false, "succeeded": 3}]})"),
            R"(run 01 of a.w: RUNNING

split
  - its task is running

count
  - more tasks may come: waiting for split (element by element; no task ended)
)");
}

TEST(RunWaits, ShowsTasksInsideOfFlowsAndRoundsByTheirPaths) {
  RunPicture picture;
  picture.run = parse_json(R"({"id": "01", "workflow": "a.w", "state": "RUNNING", "steps": [
    {"name": "rows", "total": 9, "total_is_final": true, "running": 9},
    {"name": "rows~get", "total": 9, "total_is_final": true, "running": 1, "succeeded": 8},
    {"name": "rows~approve", "total": 9, "total_is_final": true, "running": 6, "waiting": 3},
    {"name": "rows~last", "total": 9, "total_is_final": true, "waiting": 9},
    {"name": "grow", "total": 1, "total_is_final": true, "running": 1}]})")
                    .value();
  picture.workflows[""] =
      parse_json(R"({"app": "a", "steps": [{"name": "rows", "flow": "row"}]})").value();
  picture.workflows["rows"] = parse_json(R"({"steps": [
    {"name": "approve", "wait": true, "in": {}}], "links": [
    {"from": "inputs.x", "to": "get", "carries": "value"},
    {"from": "get", "to": "last", "carries": "value"},
    {"from": "approve", "to": "last", "carries": "after"}]})")
                                  .value();
  picture.tasks["rows"]["RUNNING"] = {"rows.0", "rows.1", "rows.2", "rows.3", "rows.4"};
  picture.tasks["rows~get"]["RUNNING"] = {"rows.7~get"};
  picture.tasks["rows~approve"]["RUNNING"] = {"rows.2~approve", "rows.5~approve"};
  picture.tasks["grow"]["RUNNING"] = {"grow", "grow.3"};
  EXPECT_EQ(explain_run(picture), R"(run 01 of a.w: RUNNING

rows
  - 9 of 9 tasks are running: rows.0, rows.1, rows.2, rows.3, …

rows~get
  - 1 of 9 tasks is running: rows.7~get

rows~approve
  - 6 of 9 tasks wait for an answer: `sluice answer 01 rows.2~approve -i NAME=VALUE`: rows.2~approve, rows.5~approve
  - 3 of 9 tasks: waiting for an answer: `sluice answer 01 rows.2~approve -i NAME=VALUE`

rows~last
  - 9 of 9 tasks: waiting for rows~get (its value; 8 of 9 tasks ended), rows~approve (its end (`after`); 0 of 9 tasks ended)

grow
  - its task is running: grow, grow.3
)");
}

TEST(RunWaits, SaysOfAnEndedRunHowItEnded) {
  EXPECT_EQ(explained(R"({"id": "01", "workflow": "a.w", "state": "FAILED", "steps": [],
    "error": {"name": "ValueError", "message": "bad"}})"),
            "run 01 of a.w: FAILED\n  - ValueError: bad\nit has ended: nothing waits\n");
}

TEST(RunWaits, TellsIdsOfRunsFromNames) {
  EXPECT_TRUE(is_run_id("01jd3k0c7w8fqzv5m2n6x4r9ta"));
  EXPECT_FALSE(is_run_id("wordcount"));
  EXPECT_FALSE(is_run_id("01JD3K0C7W8FQZV5M2N6X4R9TA"));
}

}  // namespace
}  // namespace sluice::cli
