#include "bundle/python_source.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "bundle/internal/child.h"

namespace sluice::bundle {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kCode = R"py(
from __future__ import annotations
import numpy as np
import typing as t
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypedDict, Union
from sluice import Pipe, Stream as S

Words = dict[str, int]


class Point(TypedDict):
    x: int


class Stream:
    pass


def parameters(a: bytes, b: memoryview, c: str, d: int, e: float, f: bool, g: dict[str, int], h: Any, i,
               j: list[int], k: Iterator[bytes], l: int | None, m: Optional[str], n: Union[int, None], o: S[dict],
               p: Pipe, q: Path, r: np.ndarray, s: Point, t: "list[bytes]", u: Words, v: Literal["x", "y"],
               w: Annotated[int, "of words"], x: list, y: int | str, z: list[list[float | None]], aa: Stream):
    return 1


def defaults(a=1, b="x", c=None, d: int = None, e=[1, {"k": None}], f=b"raw", g=-2.5, h=object(), *, i=True, j):
    pass


def generator():
    def inner():
        yield 1
    yield from inner()


def not_a_generator() -> Words:
    return [(yield_ for yield_ in "x")]


def typed() -> t.Generator[bytes, None, int]:
    yield b""


@staticmethod
def decorated(x: int) -> "Iterator[str]":
    return iter([])


if True:
    def conditional() -> None:
        pass
)py";

class PythonSource : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sluice-python-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  model::CodePorts read(const std::string& function, std::string_view code = kCode) {
    EXPECT_TRUE(write_file(root_ / "words.py", code, Sync::kNo));
    model::CodeWanted wanted{};
    wanted.function = "f";
    wanted.handler = "words." + function;
    model::Mistakes mistakes;
    const auto files = list_files(root_, Limits{}).value();
    const auto ports = read_python_ports(root_, files, {wanted}, mistakes);
    EXPECT_TRUE(ports) << ports.error().message();
    for (const auto& mistake : mistakes) ADD_FAILURE() << to_text(mistake);
    return ports && !ports->empty() ? ports->front() : model::CodePorts{};
  }
  static std::vector<std::string> types(const std::vector<model::Port>& ports) {
    std::vector<std::string> result;
    for (const model::Port& port : ports) {
      std::string text = port.name + ": " + to_text(port.type);
      if (port.default_value) text += " = " + to_text(*port.default_value);
      result.push_back(text);
    }
    return result;
  }

  fs::path root_;
};

TEST_F(PythonSource, AnnotationsBecomeTypes) {
  EXPECT_THAT(
      types(read("parameters").inputs),
      ElementsAre("a: bytes", "b: bytes", "c: text", "d: int", "e: float", "f: bool", "g: json",
                  "h: any", "i: any", "j: list<int>", "k: list<bytes>", "l: optional<int>",
                  "m: optional<text>", "n: optional<int>", "o: stream<json>", "p: pipe", "q: file",
                  "r: array", "s: any", "t: list<bytes>", "u: json", "v: text", "w: int",
                  "x: list<any>", "y: any", "z: list<list<optional<float>>>", "aa: any"));
}

TEST_F(PythonSource, DefaultsBecomeThoseOfPorts) {
  const model::CodePorts ports = read("defaults");
  EXPECT_THAT(types(ports.inputs),
              ElementsAre("a: any = 1", "b: any = \"x\"", "c: optional<any>", "d: optional<int>",
                          "e: any = [1,{\"k\":null}]", "f: any = \"raw\"", "g: any = -2.5",
                          "i: any = true", "j: any"));
  EXPECT_THAT(types(ports.inputs_if_declared), ElementsAre("h: any"));
}

TEST_F(PythonSource, OutputsFollowFromReturnAndYield) {
  EXPECT_THAT(types(read("generator").outputs), ElementsAre("result: list<any>"));
  EXPECT_TRUE(read("generator").is_generator);
  EXPECT_THAT(types(read("not_a_generator").outputs), ElementsAre("result: json"));
  EXPECT_FALSE(read("not_a_generator").is_generator);
  EXPECT_THAT(types(read("typed").outputs), ElementsAre("result: list<bytes>"));
  EXPECT_THAT(types(read("decorated").outputs), ElementsAre("result: list<text>"));
  EXPECT_FALSE(read("decorated").is_generator);
  EXPECT_THAT(types(read("conditional").outputs), ElementsAre("result: json"));
  EXPECT_THAT(types(read("parameters").outputs), ElementsAre("result: any"));
}

TEST_F(PythonSource, NamesThatAreReadByTheContextNeedNoParameter) {
  const model::CodePorts ports = read("f", R"(
from sluice import context
def f(x: int):
    open("x").read(3)
    return x + context().read("y") + helper(context())
def helper(c):
    return c.read("z") + c.read("not a name") + c.read(c)
)");
  EXPECT_THAT(ports.reads, ElementsAre("y", "z"));
  EXPECT_TRUE(read("generator").reads.empty());
}

TEST_F(PythonSource, IsNeverRun) {
  const fs::path trace = root_ / "was_run";
  read("f", "open('" + trace.string() + "', 'w')\nimport os\nos._exit(3)\n\ndef f(x=open('" +
                trace.string() + "', 'w')):\n    pass\n");
  EXPECT_FALSE(fs::exists(trace));
}

TEST(Child, IsBoundedInTimeAndOutput) {
  const ChildLimits limits{.time = std::chrono::milliseconds(300), .output = 1_KiB};
  const ChildLimits patient{.time = std::chrono::seconds(120), .output = 1_KiB};
  EXPECT_EQ(run_child({"/bin/cat"}, "echo", patient).value(), "echo");
  EXPECT_EQ(run_child({"/bin/sleep", "100"}, "", limits).error().code(),
            ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(run_child({"/bin/sh", "-c", "exec >&-; exec sleep 100"}, "", limits).error().code(),
            ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(run_child({"/bin/cat", "/dev/zero"}, "", patient).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(run_child({"/bin/false"}, "", patient).error().code(), ErrorCode::kInternal);
  EXPECT_EQ(run_child({"/no/such/program"}, "", patient).error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(run_child({"/usr/bin/env"}, "", patient).value(), HasSubstr("LC_ALL=C.UTF-8"));
}

}  // namespace
}  // namespace sluice::bundle
