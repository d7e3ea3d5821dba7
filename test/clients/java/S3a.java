// Hadoop's S3A: listings, every byte, seeks, the data sets, and writes that must be refused.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.api.ReadSupport;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;

public class S3a {
  interface Attempt {
    void run() throws Exception;
  }

  static void check(String name, Attempt attempt) {
    try {
      attempt.run();
      System.out.println("ok - " + name);
    } catch (Throwable error) {
      System.out.println("# " + error.toString().replace("\n", "\n# "));
      System.out.println("not ok - " + name);
    }
  }

  static void refused(String name, Attempt attempt) {
    check(name, () -> {
      long started = System.nanoTime();
      try {
        attempt.run();
      } catch (java.io.IOException expected) {
        same(System.nanoTime() - started < 20_000_000_000L, true, "refused promptly");
        return;
      }
      throw new AssertionError("the write was not refused");
    });
  }

  static void same(Object got, Object want, String what) {
    if (!got.equals(want)) throw new AssertionError(what + ": got " + got + ", want " + want);
  }

  static void sameKeys(Set<String> got, Set<String> want) {
    Set<String> more = new TreeSet<>(got), less = new TreeSet<>(want);
    more.removeAll(want);
    less.removeAll(got);
    if (!more.isEmpty() || !less.isEmpty()) throw new AssertionError("unexpected " + more + "; missing " + less);
  }

  public static void main(String[] arguments) throws Exception {
    String text = Files.readString(Path.of(System.getenv("TWOFOLD_CLIENT_SETUP")));
    Map<String, JsonNode> setup = JsonNode.parser().parse(text).asObject();
    Map<String, JsonNode> door = setup.get("door").asObject();
    Map<String, JsonNode> objects = setup.get("objects").asObject();
    String bucket = door.get("bucket").asString();
    String root = "s3a://" + bucket + "/";

    Configuration configuration = new Configuration(false);
    configuration.set("fs.s3a.impl", "org.apache.hadoop.fs.s3a.S3AFileSystem");
    for (JsonNode property : setup.get("properties").asArray()) {
      String[] parts = property.asString().split("=", 2);
      configuration.set(parts[0], parts[1]);
    }
    configuration.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider");
    configuration.set("fs.s3a.buffer.dir", setup.get("work").asString());
    configuration.set("fs.s3a.attempts.maximum", "2");
    configuration.set("fs.s3a.retry.limit", "1");
    FileSystem fs = FileSystem.newInstance(URI.create(root), configuration);

    // A Hadoop path can't end in a slash nor hold `//`, and the local names that it refuses are none of ours.
    check("listFiles gives every file with its size", () -> {
      Set<String> got = new TreeSet<>();
      RemoteIterator<LocatedFileStatus> files = fs.listFiles(new org.apache.hadoop.fs.Path(root), true);
      while (files.hasNext()) {
        LocatedFileStatus file = files.next();
        String key = key(file, bucket);
        got.add(key);
        JsonNode want = objects.get(key);
        if (want != null) same(String.valueOf(file.getLen()), want.asObject().get("size").asNumber(), key);
      }
      sameKeys(got, objects.keySet());
    });

    check("listStatus by directory reaches every file", () -> {
      Set<String> got = new TreeSet<>();
      List<org.apache.hadoop.fs.Path> waiting = new ArrayList<>(List.of(new org.apache.hadoop.fs.Path(root)));
      while (!waiting.isEmpty())
        for (FileStatus status : fs.listStatus(waiting.remove(waiting.size() - 1)))
          if (status.isDirectory()) waiting.add(status.getPath());
          else got.add(key(status, bucket));
      sameKeys(got, objects.keySet());
    });

    check("every byte of every file", () -> {
      var pool = Executors.newFixedThreadPool(4);
      List<Future<?>> all = new ArrayList<>();
      for (Map.Entry<String, JsonNode> object : objects.entrySet())
        all.add(pool.submit((Callable<Void>) () -> {
          MessageDigest digest = MessageDigest.getInstance("MD5");
          byte[] buffer = new byte[1 << 18];
          try (FSDataInputStream in = fs.open(path(bucket, object.getKey()))) {
            for (int read; (read = in.read(buffer)) > 0; ) digest.update(buffer, 0, read);
          }
          String md5 = HexFormat.of().formatHex(digest.digest());
          same(md5, object.getValue().asObject().get("md5").asString(), object.getKey());
          return null;
        }));
      for (Future<?> one : all) one.get();
      pool.shutdown();
    });

    check("positioned reads", () -> {
      try (FSDataInputStream in = fs.open(path(bucket, "large/odd.bin"))) {
        long size = fs.getFileStatus(path(bucket, "large/odd.bin")).getLen();
        byte[] whole = in.readAllBytes();
        byte[] end = new byte[100];
        in.readFully(size - 100, end);
        same(HexFormat.of().formatHex(end), HexFormat.of().formatHex(whole, whole.length - 100, whole.length), "end");
      }
    });

    check("empty directories are directories", () -> {
      for (JsonNode marker : setup.get("markers").asArray()) {
        String key = marker.asString().substring(0, marker.asString().length() - 1);
        FileStatus status = fs.getFileStatus(path(bucket, key));
        same(status.isDirectory(), true, key);
        same(fs.listStatus(status.getPath()).length, 0, key);
      }
      same(fs.exists(path(bucket, "nowhere")), false, "nowhere");
    });

    if (setup.get("hasDataSets").asBoolean()) readDataSets(fs, bucket, configuration);

    refused("create is refused", () -> {
      try (FSDataOutputStream out = fs.create(path(bucket, "new.txt"))) {
        out.write(1);
      }
    });
    refused("mkdirs is refused", () -> fs.mkdirs(path(bucket, "new directory")));
    refused("delete is refused", () -> {
      if (!fs.delete(path(bucket, "plain.txt"), false)) throw new java.io.IOException("not deleted");
    });
    fs.close();
    System.exit(0);
  }

  static void readDataSets(FileSystem fs, String bucket, Configuration configuration) {
    check("a CSV set", () -> {
      long rows = 0;
      for (FileStatus file : fs.listStatus(path(bucket, "lake/csv"))) {
        try (var in = new BufferedReader(new InputStreamReader(fs.open(file.getPath()), StandardCharsets.UTF_8))) {
          rows += in.lines().count() - 1;
        }
      }
      same(rows, 24_000L, "rows");
    });

    check("a partitioned Parquet set", () -> {
      List<org.apache.hadoop.fs.Path> files = new ArrayList<>();
      for (FileStatus file : fs.globStatus(path(bucket, "lake/parquet/year=*/region=*/*.parquet")))
        files.add(file.getPath());
      same(files.size(), 12, "files");
      same(sumOfIds(files, configuration), 287_988_000L, "sum of the ids");
    });

    check("a Delta table, by its log", () -> {
      List<org.apache.hadoop.fs.Path> files = new ArrayList<>();
      for (FileStatus commit : fs.globStatus(path(bucket, "lake/delta/_delta_log/*.json")))
        try (var in = new BufferedReader(new InputStreamReader(fs.open(commit.getPath()), StandardCharsets.UTF_8))) {
          for (String line; (line = in.readLine()) != null; ) {
            JsonNode add = JsonNode.parser().parse(line).asObject().get("add");
            if (add != null) files.add(path(bucket, "lake/delta/" + add.asObject().get("path").asString()));
          }
        }
      same(files.size(), 3, "files");
      same(sumOfIds(files, configuration), 287_988_000L, "sum of the ids");
    });
  }

  static long sumOfIds(List<org.apache.hadoop.fs.Path> files, Configuration configuration) throws Exception {
    long sum = 0;
    for (org.apache.hadoop.fs.Path file : files) {
      HadoopInputFile input = HadoopInputFile.fromPath(file, configuration);
      try (ParquetReader<Group> reader = new GroupReader(input).build()) {
        for (Group row; (row = reader.read()) != null; ) sum += row.getLong("id", 0);
      }
    }
    return sum;
  }

  static class GroupReader extends ParquetReader.Builder<Group> {
    GroupReader(HadoopInputFile file) {
      super(file);
    }

    @Override
    protected ReadSupport<Group> getReadSupport() {
      return new GroupReadSupport();
    }
  }

  static org.apache.hadoop.fs.Path path(String bucket, String key) {
    return new org.apache.hadoop.fs.Path("s3a", bucket, "/" + key);
  }

  static String key(FileStatus status, String bucket) {
    return status.getPath().toUri().getPath().substring(1);
  }
}
