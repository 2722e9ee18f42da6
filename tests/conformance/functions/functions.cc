// The functions of the conformance suite in C++. functions.py and functions.mjs say the same.

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>

#include <sluice/sluice.h>

namespace {

using sluice::Bytes;
using sluice::Context;
using sluice::Pipe;
using sluice::Stream;
using namespace std::chrono_literals;
using Texts = std::vector<std::string_view>;

struct TooSalty : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void wait_for(const std::string& path) {
  const auto deadline = std::chrono::steady_clock::now() + 300s;
  while (!std::filesystem::exists(path)) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("nobody wrote " + path);
    std::this_thread::sleep_for(2ms);
  }
}

void write_file(const std::string& path) { std::ofstream(path).close(); }

std::string name_of(const std::filesystem::path& x) {
  std::ifstream file(x);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  if (content != "content") throw std::runtime_error("another content");
  return x.filename().string();
}

std::filesystem::path make_file(const std::string& name) {
  std::ofstream(name) << "made";
  return name;
}

std::string holes(Stream<std::optional<std::int64_t>> x) {
  std::string text;
  for (const auto& each : x)
    text += (text.empty() ? "" : ",") + (each ? std::to_string(*each) : "-");
  return text;
}

void odds(std::int64_t n, Context& task) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (i % 2 == 0) {
      task.emit_hole("result");
    } else {
      task.emit("result", i);
    }
  }
}

std::vector<std::optional<std::int64_t>> all_odds(std::int64_t n) {
  std::vector<std::optional<std::int64_t>> made;
  for (std::int64_t i = 0; i < n; ++i) made.push_back(i % 2 == 0 ? std::nullopt : std::optional(i));
  return made;
}

std::tuple<std::int64_t, std::string> two(std::int64_t x) {
  return {2 * x, "n" + std::to_string(x)};
}

void words(std::string_view text, Context& task) {
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space != 0) task.emit("result", text.substr(0, space));
    text.remove_prefix(space == text.npos ? text.size() : space + 1);
  }
}

void count_to(std::int64_t n, Context& task) {
  for (std::int64_t i = 0; i < n; ++i) task.emit("result", i);
}

std::int64_t total(Stream<std::int64_t> numbers) {
  std::int64_t sum = 0;
  for (const std::int64_t number : numbers) sum += number;
  return sum;
}

void pattern(std::size_t n, Context& task) {
  sluice::Room room = task.room("result", n);
  for (std::size_t i = 0; i < n; ++i) room.bytes()[i] = static_cast<std::byte>(i % 251);
  room.emit();
}

std::int64_t sum_of(Bytes bytes) {
  return std::accumulate(
      bytes.begin(), bytes.end(), std::int64_t{0},
      [](std::int64_t sum, std::byte b) { return sum + std::to_integer<std::int64_t>(b); });
}

std::int64_t pipe_checksum(Pipe data) {
  std::int64_t sum = 0;
  for (Bytes piece = data.next(); !piece.empty(); piece = data.next()) sum += sum_of(piece);
  return sum;
}

void emit_and_return(std::int64_t n, Context& task) {
  count_to(0, task);
  for (std::int64_t i = 0; i < n; ++i) task.emit("list", i);
  task.emit("last", n);
}

void write_pieces(std::int64_t n, Context& task) {
  sluice::Writer out = task.open("out");
  for (std::int64_t i = 0; i < n; ++i) out.write("line " + std::to_string(i) + "\n");
  out.close();
}

void write_many_bytes(std::int64_t n, Context& task) {
  sluice::Writer out = task.open("out");
  for (std::int64_t i = 0; i < n; ++i) {
    const std::vector<std::byte> piece(100'000, static_cast<std::byte>(i % 256));
    out.write(piece);
  }
}

sluice::Json about(std::int64_t /*x*/, Context& task) {
  const auto text = [](std::string_view value) { return "\"" + std::string(value) + "\""; };
  return {"{\"step\":" + text(task.step()) + ",\"path\":" + text(task.path()) +
          ",\"index\":" + (task.index() ? std::to_string(*task.index()) : "null") +
          ",\"attempt\":" + std::to_string(task.attempt()) + ",\"token\":" +
          std::to_string(task.token().size()) + ",\"run\":" + std::to_string(task.run().size()) +
          ",\"deadline\":" + (task.deadline() ? "true" : "false") + "}"};
}

std::int64_t chatty(std::int64_t x, Context& task) {
  std::printf("printed %lld\n", static_cast<long long>(x));
  std::fflush(stdout);
  task.log("logged");
  return x;
}

std::int64_t second_attempt(std::int64_t x, Context& task) {
  if (task.attempt() == 1) throw TooSalty("the first is not good");
  return x;
}

std::int64_t counts_tasks(std::int64_t /*x*/) {
  const bool leftover = std::filesystem::exists("left");
  write_file("left");
  return leftover ? 1 : 0;
}

std::int64_t fail_by_class(std::int64_t x) {
  std::printf("tasting %lld\n", static_cast<long long>(x));
  throw TooSalty("no more salt");
}

std::int64_t fail_by_exit(std::int64_t /*x*/) { ::_exit(7); }

std::int64_t fail_by_signal(std::int64_t x) {
  std::raise(SIGSEGV);
  return x;
}

void fail_by_twice(std::int64_t /*x*/, Context& task) {
  task.emit("y", 1);
  task.emit("y", 2);
}

void fail_in_list(std::int64_t /*x*/, Context& task) {
  task.emit("y", 1);
  throw TooSalty("after the first");
}

std::int64_t hang(std::int64_t x) {
  while (x > 0) std::this_thread::sleep_for(100ms);
  return x;
}

std::int64_t hang_in_read(Stream<std::int64_t> numbers, const std::string& latch) {
  write_file(latch + "/reading");
  try {
    return total(std::move(numbers));
  } catch (const sluice::Error& error) {
    write_file(latch + "/" + error.name());
    throw;
  }
}

void emit_and_hang(const std::string& /*latch*/, Context& task) {
  task.emit("result", 1);
  while (!task.cancelled()) std::this_thread::sleep_for(2ms);
}

void late_output(std::int64_t x, Context& task) {
  task.emit("y", x);
  std::thread([late = task]() mutable {
    std::this_thread::sleep_for(50ms);
    for (int i = 0; i < 20; ++i) {
      try {
        late.emit("y", 1000 + i);
      } catch (const std::exception&) {
        // As it should be: another thread, after the end.
      }
    }
  }).join();
}

void latch_split(const std::string& latch, Context& task) {
  task.emit("result", "a b a");
  wait_for(latch + "/counted-0");
  task.emit("result", "b b");
  task.emit("result", "c");
}

std::int64_t latch_count(std::string_view chunk, std::int64_t n, const std::string& latch) {
  if (n == 0) write_file(latch + "/counted-0");
  if (n == 2) wait_for(latch + "/merged-0");
  return 1 + std::count(chunk.begin(), chunk.end(), ' ');
}

std::int64_t latch_merge(Stream<std::int64_t> counts, const std::string& latch) {
  std::int64_t found = 0;
  int n = 0;
  for (const std::int64_t each : counts) {
    found += each;
    write_file(latch + "/merged-" + std::to_string(n++));
  }
  return found;
}

void latch_write(const std::string& latch, Context& task) {
  sluice::Writer out = task.open("out");
  out.write("first");
  wait_for(latch + "/read");
  out.write(" and second");
}

std::string latch_read(Pipe data, const std::string& latch) {
  std::string text(sluice::text_of(data.next()));
  write_file(latch + "/read");
  return text + data.rest();
}

std::optional<std::int64_t> maybe_out(std::int64_t x) {
  return x > 0 ? std::optional(x) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  return sluice::serve(argc, argv,
                       {{"echo_bytes", [](Bytes x) { return x; }},
                        {"echo_text", [](std::string_view x) { return x; }},
                        {"echo_json", [](std::string_view x) { return x; }},
                        {"echo_int", [](std::int64_t x) { return x; }},
                        {"echo_float", [](double x) { return x; }},
                        {"echo_bool", [](bool x) { return x; }},
                        {"echo_any", [](sluice::Json x) { return x; }},
                        {"echo_array", [](sluice::Array x) { return x; }},
                        {"echo_texts", [](Texts x) { return x; }},
                        {"echo_lists",
                         [](Stream<std::vector<std::int64_t>> x, Context& task) {
                           for (const auto& inner : x) {
                             std::string text;
                             for (const auto each : inner)
                               text += (text.empty() ? "" : ",") + std::to_string(each);
                             task.emit("y", sluice::Json{"[" + text + "]"});
                           }
                         }},
                        {"file_name", name_of},
                        {"make_file", make_file},
                        {"holes", holes},
                        {"odds", odds},
                        {"all_odds", all_odds},
                        {"plus_default", [](std::int64_t x, std::int64_t y) { return x + y; }},
                        {"maybe_in",
                         [](std::optional<std::int64_t> x) {
                           return x ? std::to_string(*x) : std::string("absent");
                         }},
                        {"maybe_out", maybe_out},
                        {"two", two},
                        {"words", words},
                        {"count_to", count_to},
                        {"total", total},
                        {"pattern", pattern},
                        {"checksum", [](Bytes data) { return sum_of(data); }},
                        {"pipe_checksum", pipe_checksum},
                        {"emit_and_return", emit_and_return},
                        {"write_pieces", write_pieces},
                        {"write_many_bytes", write_many_bytes},
                        {"about", about},
                        {"chatty", chatty},
                        {"second_attempt", second_attempt},
                        {"counts_tasks", counts_tasks},
                        {"fail_by_class", fail_by_class},
                        {"fail_by_exit", fail_by_exit},
                        {"fail_by_signal", fail_by_signal},
                        {"fail_by_type", [](std::int64_t /*x*/) { return "text"; }},
                        {"fail_by_nothing", [](std::int64_t /*x*/) {}},
                        {"fail_by_twice", fail_by_twice},
                        {"fail_by_unknown_output",
                         [](std::int64_t /*x*/, Context& task) { task.emit("nothing", 1); }},
                        {"fail_by_text", [](std::int64_t /*x*/) { return "\xed\xa0\x80"; }},
                        {"fail_in_list", fail_in_list},
                        {"hang", hang},
                        {"hang_in_read", hang_in_read},
                        {"emit_and_hang", emit_and_hang},
                        {"late_output", late_output},
                        {"latch_split", latch_split},
                        {"latch_count", latch_count},
                        {"latch_merge", latch_merge},
                        {"latch_write", latch_write},
                        {"latch_read", latch_read}});
}
