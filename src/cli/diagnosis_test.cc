#include "cli/diagnosis.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

Machine good_machine() {
  Machine machine;
  machine.kernel = "6.1.0";
  machine.has_close_range = machine.has_pidfd = machine.has_proc = true;
  machine.cores = 8;
  machine.memory = 16_GiB;
  machine.memory_available = 8_GiB;
  machine.descriptors_max = 1 << 20;
  machine.is_clock_synchronised = true;
  return machine;
}

Surroundings good_surroundings() {
  Surroundings around;
  around.python = "3.11.2";
  around.node = "20.1.0";
  around.wanted_memory = 2_GiB;
  around.data = {.path = "/data", .exists = true, .layout = "1", .free = 50_GiB, .total = 100_GiB};
  around.listen.address = "127.0.0.1:7600";
  return around;
}

// The one check of this name.
Check look_at(std::string_view name, const Machine& machine, const Surroundings& around) {
  const std::vector<Check> checks = diagnose(machine, around);
  const auto found = std::ranges::find(checks, name, &Check::name);
  EXPECT_NE(found, checks.end()) << name;
  EXPECT_EQ(std::ranges::count(checks, name, &Check::name), 1) << name;
  return found == checks.end() ? Check() : *found;
}

TEST(Diagnosis, OfAGoodMachineHasNothingToSay) {
  for (const Check& check : diagnose(good_machine(), good_surroundings())) {
    EXPECT_EQ(check.state, CheckState::kOk) << check.name << ": " << check.text;
    EXPECT_EQ(check.advice, "") << check.name;
    EXPECT_NE(check.text, "") << check.name;
  }
}

TEST(Diagnosis, CallsAProblemWhatKeepsServeFromWorking) {
  const auto expect_problem = [](std::string_view name, auto change) {
    Machine machine = good_machine();
    Surroundings around = good_surroundings();
    change(machine, around);
    const Check check = look_at(name, machine, around);
    EXPECT_EQ(check.state, CheckState::kProblem) << name;
    EXPECT_NE(check.advice, "") << name;
  };
  expect_problem("kernel", [](Machine& m, Surroundings&) { m.has_close_range = false; });
  expect_problem("kernel", [](Machine& m, Surroundings&) { m.has_pidfd = false; });
  expect_problem("kernel", [](Machine& m, Surroundings&) { m.has_proc = false; });
  expect_problem("descriptors", [](Machine& m, Surroundings&) { m.descriptors_max = 100; });
  expect_problem("configuration",
                 [](Machine&, Surroundings& s) { s.configuration_mistake = "sluice.toml:1: x"; });
  expect_problem("data", [](Machine&, Surroundings& s) { s.data.obstacle = "it is not a folder"; });
  expect_problem("data", [](Machine&, Surroundings& s) { s.data.layout = "2"; });
  expect_problem("disk", [](Machine&, Surroundings& s) { s.data.free = {}; });
  expect_problem("listen", [](Machine&, Surroundings& s) { s.listen.is_loopback = false; });
  expect_problem("listen",
                 [](Machine&, Surroundings& s) { s.listen.obstacle = "port 7600 is taken"; });
}

TEST(Diagnosis, NotesWhatIsLessThanItCouldBe) {
  const auto expect_note = [](std::string_view name, std::string_view advice, auto change) {
    Machine machine = good_machine();
    Surroundings around = good_surroundings();
    change(machine, around);
    const Check check = look_at(name, machine, around);
    EXPECT_EQ(check.state, CheckState::kNote) << name;
    EXPECT_NE(check.advice.find(advice), std::string::npos) << name << ": " << check.advice;
  };
  expect_note("cores", "--workers 1", [](Machine& m, Surroundings&) { m.cpu_limit = 1.5; });
  expect_note("memory", "--memory", [](Machine& m, Surroundings&) { m.memory_limit = 1_GiB; });
  expect_note("memory", "--memory", [](Machine&, Surroundings& s) { s.wanted_memory = 17_GiB; });
  expect_note("descriptors", "LimitNOFILE",
              [](Machine& m, Surroundings&) { m.descriptors_max = 1024; });
  expect_note("descriptors", "3000 processes", [](Machine& m, Surroundings& s) {
    m.descriptors_max = 4096;
    s.wanted_processes = 3000;
  });
  expect_note("python", "install python3", [](Machine&, Surroundings& s) { s.python.reset(); });
  expect_note("python", "3.9 or newer", [](Machine&, Surroundings& s) { s.python = "3.8.10"; });
  expect_note("node", "JavaScript", [](Machine&, Surroundings& s) { s.node.reset(); });
  expect_note("node", "20 or newer", [](Machine&, Surroundings& s) { s.node = "18.19.0"; });
  expect_note("data", "--data", [](Machine&, Surroundings& s) { s.data.owner = 7; });
  expect_note("disk", "full", [](Machine&, Surroundings& s) { s.data.free = 100_MiB; });
  expect_note("user", "account", [](Machine& m, Surroundings&) { m.is_root = true; });
  expect_note("clock", "times", [](Machine& m, Surroundings&) { m.is_clock_synchronised = false; });
  expect_note("configuration", "configuration.md",
              [](Machine&, Surroundings& s) { s.strange_variables = {"SLUICE_MEMROY"}; });
  expect_note("listen", "another port", [](Machine&, Surroundings& s) {
    s.listen.obstacle = "port 7600 is taken";
    s.listen.sluice_version = "0.1.0";
  });
}

TEST(Diagnosis, TakesTheLimitOfTheCgroupAsTheMemoryThereIs) {
  Machine machine = good_machine();
  machine.memory_limit = 4_GiB;
  const Check check = look_at("memory", machine, good_surroundings());
  EXPECT_EQ(check.state, CheckState::kOk);
  EXPECT_NE(check.text.find("the cgroup allows 4.0 GiB"), std::string::npos) << check.text;
}

TEST(Machines, AreInspectedWithoutChangingThem) {
  const Machine machine = inspect_machine();
  EXPECT_FALSE(machine.kernel.empty());
  EXPECT_GT(machine.cores, 0U);
  EXPECT_GT(machine.memory, 0_GiB);
  EXPECT_GT(machine.descriptors_max, 0U);
  EXPECT_TRUE(machine.has_proc);
  const DataPlace place = inspect_data("/proc/self/nowhere");
  EXPECT_FALSE(place.exists);
  const DataPlace file = inspect_data("/proc/self/exe");
  EXPECT_EQ(file.obstacle, "it is not a folder");
}

}  // namespace
}  // namespace sluice::cli
