"""examples/moderate on generated pictures: each branch is taken by what is in the picture, and nothing runs beside it."""

import json
import os
import sys
import unittest

from harness import ROOT, ServerCase

APP = os.path.join(ROOT, "examples/moderate")
sys.path.insert(0, APP)
try:
    import make_image
    import numpy
    import png
except ImportError as reason:
    raise unittest.SkipTest(f"{reason} (python3-numpy)") from None


class Moderate(ServerCase):
    def moderate(self, **picture):
        """Writes the picture, runs the app on it; returns the outputs, the tasks that succeeded, and the mosaic's bytes."""
        pixels = make_image.make(**picture)
        with open(self.path("picture.png"), "wb") as file:
            file.write(png.encode(pixels))
        self.server.deploy(APP)
        result = self.server.cli("run", "moderate", "-i", f"image=@{self.path('picture.png')}", "-o", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        run = json.loads(result.stdout)
        tasks = self.server.get(f"runs/{run['id']}/tasks?state=SUCCEEDED")["tasks"]
        mosaic = self.server.http("GET", f"runs/{run['id']}/outputs/mosaic")
        return run["outputs"], {task["path"] for task in tasks}, mosaic, pixels

    def check_mosaic(self, answer, pixels):
        """Against a mean that is taken square by square: 80 x 80 pixels of the picture are 8 x 8 of the mosaic."""
        self.assertEqual(answer.status, 200, answer.body[:200])
        mosaic = png.decode(answer.body)
        rows, columns = pixels.shape[0] // 80, pixels.shape[1] // 80
        self.assertEqual(mosaic.shape, (rows * 8, columns * 8))
        for row in range(rows):
            for column in range(columns):
                square = mosaic[row * 8:row * 8 + 8, column * 8:column * 8 + 8]
                mean = pixels[row * 80:row * 80 + 80, column * 80:column * 80 + 80].mean()
                self.assertLessEqual(float(numpy.abs(square - mean).max()), 0.51, (row, column))

    def test_a_page_without_fault_is_read_and_not_blurred(self):
        text = "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG AND SPHINX OF BLACK QUARTZ JUDGE MY VOW"
        outputs, tasks, mosaic, _ = self.moderate(text=text)
        self.assertEqual(outputs["text"], text)
        self.assertEqual(outputs["words"], [])
        self.assertTrue(all(score < 0.4 for score in outputs["scores"]), outputs)
        self.assertLessEqual({"upload", "adult", "violence", "extract", "translate", "censor"}, tasks)
        self.assertNotIn("mosaic", tasks)
        self.assertEqual(mosaic.status, 404)

    def test_forbidden_words_blur_it(self):
        outputs, tasks, mosaic, pixels = self.moderate(text="OH DRAT AND ZOUNDS SAID THE FOX")
        self.assertEqual(outputs["words"], ["DRAT", "ZOUNDS"])
        self.assertNotIn("text", outputs)
        self.assertIn("mosaic", tasks)
        self.check_mosaic(mosaic, pixels)

    def test_what_a_classifier_objects_to_is_blurred_and_not_read(self):
        for picture, objects in (({"adult": True}, [True, False]), ({"violence": True}, [False, True]),
                                 ({"adult": True, "violence": True}, [True, True])):
            with self.subTest(**picture):
                outputs, tasks, mosaic, pixels = self.moderate(**picture)
                self.assertEqual([score > 0.4 for score in outputs["scores"]], objects, outputs)
                self.assertNotIn("text", outputs)
                self.assertFalse({"extract", "translate", "censor"} & tasks, tasks)
                self.check_mosaic(mosaic, pixels)

    def test_what_is_no_picture_fails_with_a_name_and_a_reason(self):
        self.server.deploy(APP)
        result = self.server.cli("run", "moderate", "-i", "image=hello")
        self.assertEqual(result.returncode, 1)
        self.assertIn("NoImage: this is no PNG", result.stderr)


if __name__ == "__main__":
    unittest.main()
